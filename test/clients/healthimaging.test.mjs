// The HealthImaging surface driven by the AWS SDK for JavaScript: every operation, and every answer
// is checked against the service model on its way to the client.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import openjph from '@cornerstonejs/codec-openjph';
import * as mi from '@aws-sdk/client-medical-imaging';
import { checkError, checkResponse, model, operationOf } from './healthimaging_model.mjs';
import { program, startTarn } from './tarn.mjs';

const run = promisify(execFile);
const region = 'eu-west-1';
const account = '123456789012';
const role = `arn:aws:iam::${account}:role/images`;
const key = `arn:aws:kms:${region}:${account}:alias/images`;
const writer = fileURLToPath(new URL('../dicom_files.py', import.meta.url));
const POLL_MS = 20;
const WAIT_MS = 60_000;
const unknown = '0'.repeat(32);

let data;
let server;
let client;
let store; // With two image sets of two instances each.
const used = new Set(); // Operations that answered well.

// The SDK's own transport, with a look at every answer.
class CheckingHandler {
  constructor(inner) {
    this.inner = inner;
  }

  async handle(request, options) {
    const { response } = await this.inner.handle(request, options);
    const chunks = [];
    for await (const chunk of response.body) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    assert.match(response.headers['x-amzn-requestid'], /^[0-9a-f-]{36}$/);
    if (model) {
      const operation = operationOf(request.method, request.path);
      if (response.statusCode === 200) {
        checkResponse(operation, response.headers, bytes);
        used.add(operation);
      } else {
        checkError(operation, response.statusCode, response.headers, bytes);
      }
    }
    response.body = Readable.from([bytes]);
    return { response };
  }

  destroy() {
    this.inner.destroy();
  }
}

const send = (name, input = {}) => client.send(new mi[`${name}Command`](input));

async function until(ask, done) {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const answer = await ask();
    if (done(answer)) return answer;
    assert.ok(Date.now() < deadline, `still ${JSON.stringify(answer)}`);
    await pause(POLL_MS);
  }
}

const describe = async (datastoreId) =>
  (await send('GetDatastore', { datastoreId })).datastoreProperties;
const settled = (datastoreId) =>
  until(() => describe(datastoreId), (found) => !/ING$/.test(found.datastoreStatus));

async function createActive(more = {}) {
  const { datastoreId, datastoreStatus } = await send('CreateDatastore', more);
  assert.equal(datastoreStatus, 'CREATING');
  assert.equal((await settled(datastoreId)).datastoreStatus, 'ACTIVE');
  return datastoreId;
}

const importing = (datastoreId, folder, more = {}) => ({
  datastoreId,
  dataAccessRoleArn: role,
  inputS3Uri: `s3://images/${folder}/`,
  outputS3Uri: 's3://images/out/',
  ...more,
});

async function importFolder(datastoreId, folder, more) {
  const { jobId } = await send('StartDICOMImportJob', importing(datastoreId, folder, more));
  const ask = async () => (await send('GetDICOMImportJob', { datastoreId, jobId })).jobProperties;
  return until(ask, (job) => /^(COMPLETED|FAILED)$/.test(job.jobStatus));
}

const search = async (more = {}) =>
  (await send('SearchImageSets', { datastoreId: store, ...more })).imageSetsMetadataSummaries;
const get = (imageSetId, more = {}) =>
  send('GetImageSet', { datastoreId: store, imageSetId, ...more });
const active = (imageSetId) =>
  until(() => get(imageSetId), (found) => found.imageSetState !== 'LOCKED');

async function metadataOf(imageSetId, more = {}) {
  const answer = await send('GetImageSetMetadata', { datastoreId: store, imageSetId, ...more });
  assert.equal(answer.contentEncoding, 'gzip');
  return JSON.parse(gunzipSync(await answer.imageSetMetadataBlob.transformToByteArray()));
}

async function fails(name, promise, message = /./) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.name, name, error.message);
    assert.match(error.message, message);
    return true;
  });
}

const json = (value) => new TextEncoder().encode(JSON.stringify(value));

before(async () => {
  data = await mkdtemp(join(tmpdir(), 'tarn-healthimaging-'));
  server = await startTarn(['--region', region, '--account', account], data);
  client = new mi.MedicalImagingClient({
    endpoint: server.apiUrl,
    region,
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    disableHostPrefix: true,
    maxAttempts: 1,
  });
  client.config.requestHandler = new CheckingHandler(client.config.requestHandler);
  await mkdir(join(data, 's3/images/out'), { recursive: true });
  await run('python3', [writer, join(data, 's3/images/in'), '2', '2']);
  store = await createActive({ datastoreName: 'images' });
  const job = await importFolder(store, 'in', { jobName: 'first' });
  assert.equal(job.jobStatus, 'COMPLETED', JSON.stringify(job));
});

after(async () => {
  client?.destroy();
  assert.equal(await server.stop(), 0);
  await rm(data, { recursive: true, force: true });
  // Every operation answered well at least once.
  if (model) assert.deepEqual([...used].sort(), Object.keys(model.operations).sort());
});

test('a data store from creation to deletion', async () => {
  const lambda = `arn:aws:lambda:${region}:${account}:function:authorizer`;
  const clientToken = 'create-1';
  const request = {
    clientToken,
    datastoreName: 'Full/name#1',
    kmsKeyArn: key,
    lambdaAuthorizerArn: lambda,
    losslessStorageFormat: 'JPEG_2000_LOSSLESS',
    tags: { Team: 'a' },
  };
  const datastoreId = await createActive(request);
  const found = await describe(datastoreId);
  assert.equal(found.datastoreName, 'Full/name#1');
  assert.equal(found.kmsKeyArn, key);
  assert.equal(found.lambdaAuthorizerArn, lambda);
  assert.equal(found.losslessStorageFormat, 'JPEG_2000_LOSSLESS');
  const arn = `arn:aws:medical-imaging:${region}:${account}:datastore/${datastoreId}`;
  assert.equal(found.datastoreArn, arn);
  assert.ok(Math.abs(found.createdAt - Date.now()) < 60_000 && found.updatedAt >= found.createdAt);
  assert.equal((await send('CreateDatastore', request)).datastoreId, datastoreId);
  await fails('ValidationException', send('CreateDatastore', { ...request, datastoreName: 'b' }),
    /client token/);

  assert.equal((await send('DeleteDatastore', { datastoreId })).datastoreStatus, 'DELETING');
  assert.equal((await settled(datastoreId)).datastoreStatus, 'DELETED');
  await fails('ResourceNotFoundException', send('DeleteDatastore', { datastoreId }));
  await fails('ResourceNotFoundException', send('ListTagsForResource', { resourceArn: arn }));
  await fails('ResourceNotFoundException', send('SearchImageSets', { datastoreId }));
  await fails('ResourceNotFoundException',
    send('StartDICOMImportJob', importing(datastoreId, 'in')));
});

test('what a request leaves out', async () => {
  const datastoreId = await createActive();
  const found = await describe(datastoreId);
  assert.match(found.datastoreName, /^datastore-[0-9a-f]{8}$/);
  assert.equal(found.losslessStorageFormat, 'HTJ2K');
  await fails('ConflictException', send('DeleteDatastore', { datastoreId: store }), /image sets/);
  await send('DeleteDatastore', { datastoreId });
});

test('a key that is disabled', async () => {
  const name = `${key}-2`;
  const { datastoreId } = await send('CreateDatastore', { kmsKeyArn: name });
  assert.equal((await settled(datastoreId)).datastoreStatus, 'ACTIVE');
  await run(program, ['kms', 'disable', name, '--data', data]);
  const refused = await send('CreateDatastore', { kmsKeyArn: name });
  assert.equal((await settled(refused.datastoreId)).datastoreStatus, 'CREATE_FAILED');
  await fails('ConflictException',
    send('StartDICOMImportJob', importing(refused.datastoreId, 'in')), /CREATE_FAILED/);
  await send('DeleteDatastore', { datastoreId });
  await send('DeleteDatastore', { datastoreId: refused.datastoreId });
});

test('lists, filters and pages', async () => {
  const seen = [];
  let nextToken;
  do {
    const page = await send('ListDatastores', { maxResults: 1, nextToken });
    seen.push(...page.datastoreSummaries.map((found) => found.datastoreId));
    nextToken = page.nextToken;
    if (nextToken) {
      assert.match(nextToken, /^[A-Za-z0-9_-]+$/);
      await fails('ValidationException',
        send('ListDatastores', { nextToken, datastoreStatus: 'ACTIVE' }), /nextToken/);
    }
  } while (nextToken);
  assert.ok(seen.includes(store));
  assert.equal(new Set(seen).size, seen.length);
  const { datastoreSummaries } = await send('ListDatastores', { datastoreStatus: 'ACTIVE' });
  assert.ok(datastoreSummaries.every((found) => found.datastoreStatus === 'ACTIVE'));
  await fails('ValidationException', send('ListDatastores', { maxResults: 51 }), /'maxResults'/);
});

test('jobs', async () => {
  const { jobSummaries } = await send('ListDICOMImportJobs', { datastoreId: store });
  assert.equal(jobSummaries.at(-1).jobName, 'first');
  const token = { clientToken: 'job-1' };
  const job = await importFolder(store, 'none', token);
  assert.equal(job.jobStatus, 'FAILED');
  assert.match(job.jobName, /^import-[0-9a-f]{8}$/);
  assert.ok(job.message.length > 0 && job.endedAt >= job.submittedAt);
  assert.ok(job.outputS3Uri.endsWith(`/${store}-DicomImport-${job.jobId}/`));
  const again = await send('StartDICOMImportJob', importing(store, 'none', token));
  assert.equal(again.jobId, job.jobId);
  await fails('ValidationException',
    send('StartDICOMImportJob', importing(store, 'other', token)), /client token/);
  const failed = await send('ListDICOMImportJobs', { datastoreId: store, jobStatus: 'FAILED' });
  assert.deepEqual(failed.jobSummaries.map((found) => found.jobId), [job.jobId]);
  const page = await send('ListDICOMImportJobs', { datastoreId: store, maxResults: 1 });
  const next = await send('ListDICOMImportJobs',
    { datastoreId: store, maxResults: 1, nextToken: page.nextToken });
  assert.notEqual(next.jobSummaries[0].jobId, page.jobSummaries[0].jobId);
  await fails('ResourceNotFoundException',
    send('GetDICOMImportJob', { datastoreId: store, jobId: unknown }));
  await fails('ValidationException',
    send('StartDICOMImportJob', importing(store, 'in', { inputS3Uri: 's3://X/' })), /'inputS3Uri'/);
});

test('search', async () => {
  const all = await search();
  assert.ok(all.length >= 2);
  const tags = all[0].DICOMTags;
  assert.equal(tags.DICOMPatientId, 'P1');
  assert.equal(tags.DICOMSeriesModality, 'CT');
  const equal = (value) => ({ filters: [{ operator: 'EQUAL', values: [value] }] });
  const count = async (searchCriteria) => (await search({ searchCriteria })).length;
  assert.equal(await count(equal({ DICOMPatientId: 'P1' })), all.length);
  assert.equal(await count(equal({ DICOMPatientId: 'nobody' })), 0);
  assert.equal(await count(equal({ DICOMSeriesInstanceUID: tags.DICOMSeriesInstanceUID })), 1);
  assert.equal(await count({
    filters: [
      { operator: 'EQUAL', values: [{ DICOMStudyInstanceUID: tags.DICOMStudyInstanceUID }] },
      {
        operator: 'BETWEEN',
        values: [{ updatedAt: new Date(0) }, { updatedAt: new Date(Date.now() + 60_000) }],
      },
    ],
  }), all.length);
  assert.equal(await count({
    filters: [{
      operator: 'BETWEEN',
      values: [{ DICOMStudyDateAndTime: { DICOMStudyDate: '20240101' } },
        { DICOMStudyDateAndTime: { DICOMStudyDate: '20240103', DICOMStudyTime: '101112' } }],
    }],
  }), all.length);
  const sort = { sortField: 'createdAt', sortOrder: 'ASC' };
  const first = await send('SearchImageSets',
    { datastoreId: store, searchCriteria: { sort }, maxResults: 1 });
  assert.deepEqual(first.sort, sort);
  const second = await send('SearchImageSets', {
    datastoreId: store, searchCriteria: { sort }, maxResults: 1, nextToken: first.nextToken,
  });
  assert.notEqual(second.imageSetsMetadataSummaries[0].imageSetId,
    first.imageSetsMetadataSummaries[0].imageSetId);
  await fails('ValidationException', search({
    searchCriteria: {
      filters: [{ operator: 'EQUAL', values: [{ isPrimary: true }, { DICOMStudyId: 'x' }] }],
    },
  }), /'searchCriteria.filters.1.member.values'/);
});

test('metadata and frames', async () => {
  const [{ imageSetId }] = await search();
  const metadata = await metadataOf(imageSetId);
  assert.equal(metadata.ImageSetID, imageSetId);
  const series = Object.values(metadata.Study.Series)[0];
  for (const instance of Object.values(series.Instances)) {
    for (const frame of instance.ImageFrames) {
      const answer = await send('GetImageFrame', {
        datastoreId: store, imageSetId, imageFrameInformation: { imageFrameId: frame.ID },
      });
      assert.equal(answer.contentType, 'image/jph');
      const bytes = await answer.imageFrameBlob.transformToByteArray();
      assert.equal(bytes.length, frame.FrameSizeInBytes);
    }
  }
  assert.deepEqual(await metadataOf(imageSetId, { versionId: '1' }), metadata);
  await fails('ResourceNotFoundException', metadataOf(imageSetId, { versionId: '99' }));
  await fails('ResourceNotFoundException', send('GetImageFrame', {
    datastoreId: store, imageSetId, imageFrameInformation: { imageFrameId: unknown },
  }));
});

test('update, revert, versions', async () => {
  const [{ imageSetId }] = await search();
  const { versionId } = await get(imageSetId);
  const update = (latestVersionId, updates, more = {}) => send('UpdateImageSetMetadata', {
    datastoreId: store, imageSetId, latestVersionId, updateImageSetMetadataUpdates: updates, ...more,
  });
  const named = (PatientName) => ({
    DICOMUpdates: {
      updatableAttributes: json({ SchemaVersion: 1.1, Patient: { DICOM: { PatientName } } }),
    },
  });
  const started = await update(versionId, named('Other^One'));
  assert.equal(started.imageSetState, 'LOCKED');
  assert.equal(started.imageSetWorkflowStatus, 'UPDATING');
  assert.equal(started.latestVersionId, String(Number(versionId) + 1));
  assert.equal((await active(imageSetId)).imageSetWorkflowStatus, 'UPDATED');
  assert.equal((await metadataOf(imageSetId)).Patient.DICOM.PatientName, 'Other^One');
  await fails('ResourceNotFoundException', update(versionId, named('Third^One')),
    /^Requested version\(s\) of ImageSet\(s\) is not the latest\.$/);
  const before = (await metadataOf(imageSetId, { versionId })).Patient.DICOM.PatientName;
  assert.notEqual(before, 'Other^One');
  await update(started.latestVersionId, { revertToVersionId: versionId });
  await active(imageSetId);
  assert.equal((await metadataOf(imageSetId)).Patient.DICOM.PatientName, before);
  const first = await send('ListImageSetVersions', { datastoreId: store, imageSetId, maxResults: 2 });
  assert.equal(first.imageSetPropertiesList.length, 2);
  const rest = await send('ListImageSetVersions',
    { datastoreId: store, imageSetId, nextToken: first.nextToken });
  const versions = [...first.imageSetPropertiesList, ...rest.imageSetPropertiesList];
  assert.deepEqual(versions.map((version) => Number(version.versionId)),
    versions.map((_, index) => versions.length - index));
  assert.equal(versions[0].ImageSetWorkflowStatus, 'UPDATED');
  await fails('ValidationException', update('3', { DICOMUpdates: {} }), /DICOMUpdates/);
});

test('an update of all image sets of a study', async () => {
  const [{ imageSetId, DICOMTags }, other] = await search();
  assert.equal(other.DICOMTags.DICOMStudyInstanceUID, DICOMTags.DICOMStudyInstanceUID);
  const { versionId } = await get(imageSetId);
  const update = (updateImageSetMetadataUpdates) => {
    const command = new mi.UpdateImageSetMetadataCommand({
      datastoreId: store, imageSetId, latestVersionId: versionId, updateImageSetMetadataUpdates,
    });
    // This release of the SDK is older than the parameter.
    command.middlewareStack.add((next) => (call) => {
      call.request.query.includeStudyImageSets = 'true';
      return next(call);
    }, { step: 'build' });
    return client.send(command);
  };
  await fails('ValidationException', update({ revertToVersionId: '1' }), /includeStudyImageSets/);
  const updatableAttributes = json({
    SchemaVersion: 1.1, Study: { DICOM: { StudyDescription: 'Of both' } },
  });
  await update({ DICOMUpdates: { updatableAttributes } });
  for (const id of [imageSetId, other.imageSetId]) {
    assert.equal((await active(id)).imageSetWorkflowStatus, 'UPDATED');
    assert.equal((await metadataOf(id)).Study.DICOM.StudyDescription, 'Of both');
  }
});

test('smaller pictures from the begin of a frame', async () => {
  const [{ imageSetId }] = await search();
  const [series] = Object.values((await metadataOf(imageSetId)).Study.Series);
  const [{ ImageFrames: [frame] }] = Object.values(series.Instances);
  const codec = await openjph();
  const url = `${server.apiUrl}/datastore/${store}/imageSet/${imageSetId}/getImageFrame`
    + `?imageFrameId=${frame.ID}`;
  const decode = async (query, level) => {
    const response = await fetch(url + query);
    assert.equal(response.status, 200);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const decoder = new codec.HTJ2KDecoder();
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decodeSubResolution(level);
    const samples = Buffer.from(decoder.getDecodedBuffer());
    decoder.delete();
    return { bytes: bytes.length, samples };
  };
  // 96 x 96 has two resolutions: 48 x 48 is level 0.
  const whole = await decode('', 1);
  const prefix = await decode('&endLevel=0', 1);
  assert.equal(prefix.samples.length, 48 * 48 * 2);
  assert.ok(prefix.bytes < whole.bytes * 0.7, `${prefix.bytes} of ${whole.bytes}`);
  assert.ok(prefix.samples.equals(whole.samples));
});

test('copy, tags of image sets, delete', async () => {
  const [{ imageSetId, version }] = await search();
  const copied = await send('CopyImageSet', {
    datastoreId: store,
    sourceImageSetId: imageSetId,
    copyImageSetInformation: { sourceImageSet: { latestVersionId: String(version) } },
  });
  assert.equal(copied.sourceImageSetProperties.imageSetWorkflowStatus,
    'COPYING_WITH_READ_ONLY_ACCESS');
  const made = copied.destinationImageSetProperties;
  assert.equal(made.imageSetWorkflowStatus, 'COPYING');
  const copy = await active(made.imageSetId);
  assert.equal(copy.imageSetWorkflowStatus, 'COPIED');
  assert.equal(copy.imageSetArn, made.imageSetArn);
  await active(imageSetId);

  const resourceArn = made.imageSetArn;
  await send('TagResource', { resourceArn, tags: { Study: 'x', Team: 'y' } });
  await send('UntagResource', { resourceArn, tagKeys: ['Team'] });
  assert.deepEqual((await send('ListTagsForResource', { resourceArn })).tags, { Study: 'x' });

  const deleting = await send('DeleteImageSet',
    { datastoreId: store, imageSetId: made.imageSetId });
  assert.equal(deleting.imageSetWorkflowStatus, 'DELETING');
  const gone = await active(made.imageSetId);
  assert.equal(gone.imageSetState, 'DELETED');
  assert.ok(gone.deletedAt >= gone.createdAt);
  await fails('ResourceNotFoundException', send('ListTagsForResource', { resourceArn }));
  await fails('ResourceNotFoundException',
    send('DeleteImageSet', { datastoreId: store, imageSetId: made.imageSetId }));
});

test('importConfiguration is refused by name', async () => {
  const response = await fetch(`${server.apiUrl}/startDICOMImportJob/datastore/${store}`, {
    method: 'POST',
    body: JSON.stringify({
      ...importing(undefined, 'in', { clientToken: 'x' }),
      importConfiguration: { dicomJsonMetadataImportConfiguration: { dicomMetadataMappings: [] } },
    }),
  });
  assert.equal(response.status, 400);
  assert.equal(response.headers.get('x-amzn-errortype'), 'ValidationException');
  assert.match((await response.json()).message, /'importConfiguration'/);
});
