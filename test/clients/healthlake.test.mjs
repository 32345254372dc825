// The control plane driven by the AWS SDK for JavaScript, by raw HTTP and by the AWS CLI. Every
// answer, errors too, is checked against the service model on its way to the client.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import * as hl from '@aws-sdk/client-healthlake';
import { checkError, checkResponse, waiters } from './healthlake_model.mjs';
import { program, startTarn } from './tarn.mjs';

const run = promisify(execFile);
const region = 'us-east-1';
const account = '000000000000';
const role = `arn:aws:iam::${account}:role/data`;
const output = { S3Configuration: { S3Uri: 's3://lake/out/', KmsKeyId: 'alias/out' } };
const POLL_MS = 20;
const WAIT_MS = 60_000;

let data;
let server;
let client;
let checked = 0; // Answers that were checked.

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
    const body = JSON.parse(bytes);
    const operation = request.headers['x-amz-target'].split('.')[1];
    assert.equal(response.headers['content-type'], 'application/x-amz-json-1.0');
    assert.match(response.headers['x-amzn-requestid'], /^[0-9a-f-]{36}$/);
    if (response.statusCode === 200) {
      checkResponse(operation, body);
    } else {
      assert.equal(response.headers['x-amzn-errortype'], body.__type);
      checkError(operation, response.statusCode, body);
    }
    ++checked;
    response.body = Readable.from([bytes]);
    return { response };
  }

  destroy() {
    this.inner.destroy();
  }
}

function connect() {
  const made = new hl.HealthLakeClient({
    endpoint: server.apiUrl,
    region,
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    maxAttempts: 1,
  });
  made.config.requestHandler = new CheckingHandler(made.config.requestHandler);
  return made;
}

before(async () => {
  data = await mkdtemp(join(tmpdir(), 'tarn-healthlake-'));
  server = await startTarn(['--preload-patients', '3'], data);
  client = connect();
  await writeInput('small', [patients(0, 3), '{"resourceType":"Patient"}\n']);
  await writeInput('large', [patients(0, 60_000)]);
  await writeInput('huge', [patients(0, 300_000)]);
  await mkdir(join(data, 's3/lake/out'), { recursive: true });
});

after(async () => {
  client.destroy();
  assert.equal(await server.stop(), 0);
  await rm(data, { recursive: true, force: true });
  assert.ok(checked > 100, `only ${checked} answers were checked`);
});

function patients(begin, end) {
  let text = '';
  for (let i = begin; i < end; ++i) {
    text += `{"resourceType":"Patient","id":"p${i}","active":true}\n`;
  }
  return text;
}

// The object tree is a folder that may be filled as any other.
async function writeInput(name, parts) {
  const folder = join(data, 's3/lake', name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'Patient.ndjson'), parts.join(''));
}

const send = (name, input) => client.send(new hl[`${name}Command`](input));
const create = (more = {}) =>
  send('CreateFHIRDatastore', { DatastoreTypeVersion: 'R4', ...more });
const describe = async (DatastoreId) =>
  (await send('DescribeFHIRDatastore', { DatastoreId })).DatastoreProperties;
const importing = (DatastoreId, folder = 'small', more = {}) => ({
  DatastoreId,
  DataAccessRoleArn: role,
  InputDataConfig: { S3Uri: `s3://lake/${folder}/` },
  JobOutputDataConfig: output,
  ...more,
});
const exporting = (DatastoreId, more = {}) => ({
  DatastoreId, DataAccessRoleArn: role, OutputDataConfig: output, ...more,
});

async function until(ask, done) {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const answer = await ask();
    if (done(answer)) return answer;
    assert.ok(Date.now() < deadline, `still ${JSON.stringify(answer)}`);
    await pause(POLL_MS);
  }
}

async function createActive(more) {
  const { DatastoreId } = await create(more);
  await until(() => describe(DatastoreId), (store) => store.DatastoreStatus === 'ACTIVE');
  return DatastoreId;
}

const final = /^(COMPLETED|COMPLETED_WITH_ERRORS|FAILED|CANCEL_COMPLETED|CANCEL_FAILED)$/;
async function describeJob(kind, DatastoreId, JobId) {
  return (await send(`DescribeFHIR${kind}Job`, { DatastoreId, JobId }))[`${kind}JobProperties`];
}
const endOfJob = (kind, DatastoreId, JobId) =>
  until(() => describeJob(kind, DatastoreId, JobId), (job) => final.test(job.JobStatus));

async function fails(name, promise, message = /./) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.name, name, error.message);
    assert.match(error.message ?? error.Message, message);
    return true;
  });
}

// A waiter of the service model: polls until one of its acceptors says success or failure.
async function waitAs(name, input) {
  const { operation, acceptors } = waiters[name];
  return until(async () => {
    const answer = await send(operation, input);
    for (const { matcher, argument, expected, state } of acceptors) {
      if (matcher !== 'path') continue;
      const value = argument.split('.').reduce((part, member) => part?.[member], answer);
      if (value === expected) return state;
    }
    return 'retry';
  }, (state) => state !== 'retry');
}

const metadata = JSON.stringify({
  authorization_endpoint: 'https://idp.example/authorize',
  token_endpoint: 'https://idp.example/token',
  grant_types_supported: ['authorization_code'],
  capabilities: ['permission-v2'],
  code_challenge_methods_supported: ['S256'],
});

test('a data store from creation to deletion', async () => {
  const provider = {
    AuthorizationStrategy: 'SMART_ON_FHIR',
    FineGrainedAuthorizationEnabled: false,
    Metadata: metadata,
    IdpLambdaArn: `arn:aws:lambda:${region}:${account}:function:idp`,
  };
  const sse = {
    KmsEncryptionConfig: { CmkType: 'CUSTOMER_MANAGED_KMS_KEY', KmsKeyId: 'alias/store' },
  };
  const made = await create({
    DatastoreName: 'Zürich 1',
    SseConfiguration: sse,
    PreloadDataConfig: { PreloadDataType: 'SYNTHEA' },
    IdentityProviderConfiguration: provider,
    Tags: [{ Key: 'team', Value: 'x' }],
  });
  const DatastoreId = made.DatastoreId;
  assert.equal(made.DatastoreStatus, 'CREATING');
  const arn = `arn:aws:healthlake:${region}:${account}:datastore/fhir/${DatastoreId}`;
  assert.equal(made.DatastoreArn, arn);
  assert.equal(made.DatastoreEndpoint, `${server.apiUrl}/datastore/${DatastoreId}/r4/`);
  const store = await until(() => describe(DatastoreId), (s) => s.DatastoreStatus !== 'CREATING');
  assert.equal(store.DatastoreStatus, 'ACTIVE');
  assert.equal(store.DatastoreName, 'Zürich 1');
  assert.deepEqual(store.SseConfiguration, sse);
  assert.deepEqual(store.PreloadDataConfig, { PreloadDataType: 'SYNTHEA' });
  assert.deepEqual(store.IdentityProviderConfiguration, provider);
  assert.ok(Math.abs(store.CreatedAt - Date.now()) < 60_000);
  const discovery = await fetch(`${store.DatastoreEndpoint}.well-known/smart-configuration`);
  assert.equal(discovery.status, 200);
  assert.deepEqual(await discovery.json(), JSON.parse(metadata));

  const deleting = await send('DeleteFHIRDatastore', { DatastoreId });
  assert.equal(deleting.DatastoreStatus, 'DELETING');
  await until(() => describe(DatastoreId), (s) => s.DatastoreStatus === 'DELETED');
  await fails('ResourceNotFoundException', send('DeleteFHIRDatastore', { DatastoreId }));
  await fails('ResourceNotFoundException', send('ListTagsForResource', { ResourceARN: arn }));
  await fails('ResourceNotFoundException', send('StartFHIRExportJob', exporting(DatastoreId)));
  assert.ok(!(await readdir(join(data, 'kv'))).includes(`fhir-${DatastoreId}`));
});

test('authorization strategies', async () => {
  for (const AuthorizationStrategy of ['SMART_ON_FHIR_V1', 'SMART_ON_FHIR', 'AWS_AUTH']) {
    const config = { AuthorizationStrategy };
    if (AuthorizationStrategy !== 'AWS_AUTH') {
      await fails('ValidationException', create({ IdentityProviderConfiguration: config }));
      config.Metadata = metadata;
    }
    const id = await createActive({ IdentityProviderConfiguration: config });
    const { IdentityProviderConfiguration } = await describe(id);
    assert.deepEqual(IdentityProviderConfiguration, config);
  }
});

test('import, export and their reports', async () => {
  const id = await createActive();
  const started = await send('StartFHIRImportJob', importing(id, 'small', { JobName: 'first' }));
  assert.equal(started.JobStatus, 'SUBMITTED');
  assert.equal(started.DatastoreId, id);
  const job = await endOfJob('Import', id, started.JobId);
  assert.equal(job.JobStatus, 'COMPLETED_WITH_ERRORS');
  assert.equal(job.JobName, 'first');
  assert.deepEqual(job.InputDataConfig, { S3Uri: 's3://lake/small/' });
  assert.deepEqual(job.JobOutputDataConfig, output);
  assert.ok(job.EndTime >= job.SubmitTime);
  const report = job.JobProgressReport;
  assert.equal(report.TotalNumberOfScannedFiles, 1);
  assert.equal(report.TotalNumberOfResourcesScanned, 4);
  assert.equal(report.TotalNumberOfResourcesImported, 3);
  assert.equal(report.TotalNumberOfResourcesWithCustomerError, 1);
  const folder = join(data, 's3/lake/out', `${id}-FHIR_IMPORT-${started.JobId}`);
  const manifest = JSON.parse(await readFile(join(folder, 'Manifest.json')));
  assert.equal(manifest.numberOfResourcesImportedSuccessfully, 3);

  const out = await send('StartFHIRExportJob', exporting(id));
  assert.equal(out.JobStatus, 'SUBMITTED');
  const done = await endOfJob('Export', id, out.JobId);
  assert.equal(done.JobStatus, 'COMPLETED');
  assert.equal(done.OutputDataConfig.S3Configuration.S3Uri,
    `s3://lake/out/${id}-FHIR_EXPORT-${out.JobId}/`);

  const missing = await send('StartFHIRImportJob', importing(id, 'small', {
    InputDataConfig: { S3Uri: 's3://no-such-bucket/in/' },
  }));
  const failed = await endOfJob('Import', id, missing.JobId);
  assert.equal(failed.JobStatus, 'FAILED');
  assert.match(failed.Message, /no-such-bucket/);
});

test('jobs wait in line', async () => {
  const id = await createActive();
  const ids = [];
  for (let i = 0; i < 4; ++i) {
    const folder = i === 0 ? 'large' : 'small';
    ids.push((await send('StartFHIRImportJob', importing(id, folder))).JobId);
  }
  const list = async (more = {}) =>
    (await send('ListFHIRImportJobs', { DatastoreId: id, ...more })).ImportJobPropertiesList;
  const states = (await list()).map((job) => job.JobStatus);
  assert.match(states[3], /^(SUBMITTED|IN_PROGRESS)$/);
  assert.deepEqual(states.slice(0, 3), ['QUEUED', 'QUEUED', 'QUEUED']);
  assert.deepEqual((await list()).map((job) => job.JobId), [...ids].reverse());
  assert.ok((await list({ JobStatus: 'QUEUED' })).length > 0);
  await fails('ConflictException', send('DeleteFHIRDatastore', { DatastoreId: id }));
  const ends = [];
  for (const JobId of ids) ends.push((await endOfJob('Import', id, JobId)).EndTime);
  assert.deepEqual(ends, [...ends].sort((a, b) => a - b));
  await send('DeleteFHIRDatastore', { DatastoreId: id });
});

test('twenty-five jobs may wait', async () => {
  const id = await createActive();
  const ids = [(await send('StartFHIRImportJob', importing(id, 'huge'))).JobId];
  for (let i = 0; i < 25; ++i) {
    ids.push((await send('StartFHIRImportJob', importing(id))).JobId);
  }
  await fails('ThrottlingException', send('StartFHIRImportJob', importing(id)));
  await send('StartFHIRExportJob', exporting(id)); // Exports have a line of their own.
  await endOfJob('Import', id, ids.at(-1));
});

test('waiters', { skip: waiters ? false : 'no service models' }, async () => {
  const { DatastoreId } = await create();
  assert.equal(await waitAs('FHIRDatastoreActive', { DatastoreId }), 'success');
  const { JobId } = await send('StartFHIRImportJob', importing(DatastoreId));
  assert.equal(await waitAs('FHIRImportJobCompleted', { DatastoreId, JobId }), 'success');
  const out = await send('StartFHIRExportJob', exporting(DatastoreId));
  assert.equal(
    await waitAs('FHIRExportJobCompleted', { DatastoreId, JobId: out.JobId }), 'success');
  const bad = await send('StartFHIRExportJob', exporting(DatastoreId, {
    OutputDataConfig: { S3Configuration: { S3Uri: 's3://no-such-bucket', KmsKeyId: 'k' } },
  }));
  assert.equal(
    await waitAs('FHIRExportJobCompleted', { DatastoreId, JobId: bad.JobId }), 'failure');
  await send('DeleteFHIRDatastore', { DatastoreId });
  assert.equal(await waitAs('FHIRDatastoreDeleted', { DatastoreId }), 'success');
});

test('lists, filters and pages', async () => {
  const made = [];
  for (let i = 0; i < 5; ++i) made.push(await createActive({ DatastoreName: 'paged' }));
  const Filter = { DatastoreName: 'paged' };
  const seen = [];
  let NextToken;
  do {
    const page = await send('ListFHIRDatastores', { Filter, MaxResults: 2, NextToken });
    seen.push(...page.DatastorePropertiesList.map((store) => store.DatastoreId));
    NextToken = page.NextToken;
    if (NextToken) {
      assert.match(NextToken, /^[A-Za-z0-9_-]+$/);
      await fails('ValidationException', send('ListFHIRDatastores', { NextToken }), /nextToken/);
    }
  } while (NextToken);
  assert.deepEqual([...seen].sort(), [...made].sort());
  const count = async (filter) => (await send('ListFHIRDatastores', {
    Filter: { ...Filter, ...filter },
  })).DatastorePropertiesList.length;
  assert.equal(await count({ DatastoreStatus: 'ACTIVE' }), 5);
  assert.equal(await count({ DatastoreStatus: 'DELETED' }), 0);
  assert.equal(await count({ CreatedAfter: new Date(Date.now() + 60_000) }), 0);
  assert.equal(await count({ CreatedBefore: new Date(Date.now() + 60_000) }), 5);
});

test('tags', async () => {
  const id = await createActive({ Tags: [{ Key: 'a', Value: '1' }] });
  const ResourceARN = `arn:aws:healthlake:${region}:${account}:datastore/fhir/${id}`;
  await send('TagResource', { ResourceARN, Tags: [{ Key: 'b', Value: '' }] });
  const tags = async () => (await send('ListTagsForResource', { ResourceARN })).Tags;
  assert.deepEqual(await tags(), [{ Key: 'a', Value: '1' }, { Key: 'b', Value: '' }]);
  await send('UntagResource', { ResourceARN, TagKeys: ['a'] });
  assert.deepEqual(await tags(), [{ Key: 'b', Value: '' }]);
  await fails('ValidationException',
    send('TagResource', { ResourceARN, Tags: [{ Key: 'aws:x', Value: '' }] }), /aws:/);
  await fails('ValidationException', send('TagResource', { ResourceARN, Tags: [{ Key: 'a' }] }),
    /'tags\.1\.member\.value'/);
});

test('every operation refuses what its model forbids', async () => {
  const none = 'f'.repeat(32);
  const arn = `arn:aws:healthlake:${region}:${account}:datastore/fhir/${none}`;
  for (const [name, input, message] of [
    ['CreateFHIRDatastore', { DatastoreTypeVersion: 'R5' }, /'datastoreTypeVersion'/],
    ['CreateFHIRDatastore', { DatastoreTypeVersion: 'R4', DatastoreName: 'a!' }, /'datastoreName'/],
    ['DescribeFHIRDatastore', { DatastoreId: 'a'.repeat(33) }, /'datastoreId'/],
    ['ListFHIRDatastores', { MaxResults: 501 }, /'maxResults'/],
    ['DeleteFHIRDatastore', { DatastoreId: '' }, /'datastoreId'/],
    ['StartFHIRImportJob', importing(none, 'x', { InputDataConfig: { S3Uri: 'file:///x' } }),
      /'inputDataConfig\.s3Uri'/],
    ['StartFHIRExportJob', exporting(none, { DataAccessRoleArn: 'someone-that-is-no-role' }),
      /'dataAccessRoleArn'/],
    ['DescribeFHIRImportJob', { DatastoreId: none, JobId: 'x'.repeat(33) }, /'jobId'/],
    ['DescribeFHIRExportJob', { DatastoreId: none }, /'jobId'/],
    ['ListFHIRImportJobs', { DatastoreId: none, JobStatus: 'DONE' }, /'jobStatus'/],
    ['ListFHIRExportJobs', { DatastoreId: none, JobName: 'x'.repeat(65) }, /'jobName'/],
    ['ListTagsForResource', { ResourceARN: 'arn:aws:x' }, /'resourceARN'/],
    ['TagResource', { ResourceARN: arn }, /'tags'/],
    ['UntagResource', { ResourceARN: arn, TagKeys: Array(201).fill('a') }, /'tagKeys'/],
  ]) {
    await fails('ValidationException', send(name, input), message);
  }
  for (const [name, input] of [
    ['DescribeFHIRDatastore', { DatastoreId: none }],
    ['DeleteFHIRDatastore', { DatastoreId: none }],
    ['StartFHIRImportJob', importing(none)],
    ['StartFHIRExportJob', exporting(none)],
    ['DescribeFHIRImportJob', { DatastoreId: none, JobId: none }],
    ['DescribeFHIRExportJob', { DatastoreId: none, JobId: none }],
    ['ListFHIRImportJobs', { DatastoreId: none }],
    ['ListFHIRExportJobs', { DatastoreId: none }],
    ['ListTagsForResource', { ResourceARN: arn }],
    ['TagResource', { ResourceARN: arn, Tags: [] }],
    ['UntagResource', { ResourceARN: arn, TagKeys: [] }],
  ]) {
    await fails('ResourceNotFoundException', send(name, input));
  }
});

test('keys', async () => {
  const kms = (...words) => run(program, ['kms', ...words, '--data', data]);
  await kms('create', '--alias', 'off');
  await kms('disable', 'alias/off');
  const { DatastoreId } = await create({
    SseConfiguration: {
      KmsEncryptionConfig: { CmkType: 'CUSTOMER_MANAGED_KMS_KEY', KmsKeyId: 'alias/off' },
    },
  });
  const store = await until(() => describe(DatastoreId), (s) => s.DatastoreStatus !== 'CREATING');
  assert.equal(store.DatastoreStatus, 'CREATE_FAILED');
  assert.equal(store.ErrorCause.ErrorCategory, 'NON_RETRYABLE_ERROR');
  const id = await createActive();
  await fails('AccessDeniedException', send('StartFHIRExportJob', exporting(id, {
    OutputDataConfig: { S3Configuration: { S3Uri: 's3://lake/out', KmsKeyId: 'alias/off' } },
  })));
});

test('what was answered once is answered again, also after a restart', async () => {
  const ClientToken = `token-${Date.now()}`;
  const first = await create({ ClientToken, DatastoreName: 'once' });
  const id = first.DatastoreId;
  await until(() => describe(id), (store) => store.DatastoreStatus === 'ACTIVE');
  const job = await send('StartFHIRImportJob', importing(id, 'small', { ClientToken }));
  const running = await send('StartFHIRImportJob', importing(id, 'large'));
  const again = async () => {
    const { $metadata, ...store } = await create({ ClientToken, DatastoreName: 'once' });
    assert.deepEqual({ $metadata: first.$metadata, ...store }, first);
    const repeated = await send('StartFHIRImportJob', importing(id, 'small', { ClientToken }));
    assert.equal(repeated.JobId, job.JobId);
    assert.equal(repeated.JobStatus, 'SUBMITTED');
    await fails('ValidationException', create({ ClientToken }), /client token/);
    await fails('ValidationException',
      send('StartFHIRImportJob', importing(id, 'large', { ClientToken })), /client token/);
  };
  await again();
  client.destroy();
  assert.equal(await server.stop(), 0);
  server = await startTarn(['--preload-patients', '3', '--endpoint-url',
    first.DatastoreEndpoint.split('/datastore/')[0]], data);
  client = connect();
  await again();
  // The import that the stop interrupted goes on and ends.
  const ended = await endOfJob('Import', id, running.JobId);
  assert.equal(ended.JobStatus, 'COMPLETED');
  assert.equal(ended.JobProgressReport.TotalNumberOfResourcesImported, 60_000);
  const { ImportJobPropertiesList } = await send('ListFHIRImportJobs', { DatastoreId: id });
  assert.equal(ImportJobPropertiesList.length, 2);
});

test('events', async () => {
  const id = await createActive({ DatastoreName: 'told' });
  const { JobId } = await send('StartFHIRImportJob', importing(id));
  await endOfJob('Import', id, JobId);
  const told = async () => {
    const lines = [];
    for (const name of await readdir(join(data, 'events'))) {
      assert.match(name, /^events-\d{8}\.jsonl$/);
      lines.push(...(await readFile(join(data, 'events', name), 'utf8')).trim().split('\n'));
    }
    return lines.map((line) => JSON.parse(line)).filter((e) => e.detail.datastoreId === id);
  };
  const events = await until(told, (list) => list.length >= 5);
  assert.deepEqual(new Set(events.map((event) => event['detail-type'])), new Set([
    'Data Store Creating', 'Data Store Active', 'Import Job Submitted', 'Import Job In Progress',
    'Import Job Completed With Errors']));
  for (const event of events) {
    assert.equal(event.version, '0');
    assert.equal(event.source, 'aws.healthlake');
    assert.equal(event.account, account);
    assert.equal(event.region, region);
    assert.deepEqual(event.resources,
      [`arn:aws:healthlake:${region}:${account}:datastore/fhir/${id}`]);
    assert.match(event.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  }
});

// Raw HTTP: what no SDK would send.
async function post(target, body, { query = '', type = 'application/x-amz-json-1.0' } = {}) {
  const response = await fetch(`${server.apiUrl}/${query}`, {
    method: 'POST',
    headers: { 'content-type': type, ...(target ? { 'x-amz-target': target } : {}) },
    body,
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

test('bodies that no client sends', async () => {
  const list = 'HealthLake.ListFHIRDatastores';
  const deep = '['.repeat(100_000);
  for (const [target, body, name, message] of [
    ['HealthLake.Nothing', '{}', 'UnknownOperationException', /no such operation/],
    ['HealthLake.UpdateFHIRDatastore', '{}', 'UnknownOperationException', /UpdateFHIRDatastore/],
    [null, '{}', 'UnknownOperationException', /X-Amz-Target/],
    [list, '{', 'SerializationException', /line 1/],
    [list, 'null', 'SerializationException', /NULL_VALUE/],
    [list, '[]', 'SerializationException', /START_ARRAY/],
    [list, deep, 'SerializationException', /./],
    [list, '{"MaxResults":01}', 'SerializationException', /line 1/],
    [list, '{"MaxResults":1,"MaxResults":1}', 'SerializationException', /./],
    [list, '{"MaxResults":"1"}', 'SerializationException', /'maxResults'/],
    [list, '{"MaxResults":true}', 'SerializationException', /'maxResults'/],
    [list, '{"Filter":[]}', 'SerializationException', /'filter'/],
    [list, Buffer.from('{"NextToken":"\xff"}', 'latin1'), 'SerializationException', /./],
    ['HealthLake.CreateFHIRDatastore', '{"DatastoreTypeVersion":"R4","ProfileConfiguration":{}}',
      'ValidationException', /'profileConfiguration'/],
  ]) {
    const answer = await post(target, body);
    assert.equal(answer.status, 400);
    assert.equal(answer.body.__type, name);
    assert.equal(answer.headers.get('x-amzn-errortype'), name);
    assert.match(answer.body.Message, message);
  }
  const large = await post(list, `{"x":"${'y'.repeat(2 << 20)}"}`);
  assert.equal(large.status, 413);
  assert.equal((await post(list, '{"Unknown":1}')).status, 200);
  const json = await post(list, '{}', { type: 'application/json' });
  assert.equal(json.status, 200);
  assert.equal(json.headers.get('content-type'), 'application/json');
  const one = await post(list, '{}', { query: '?MaxResults=1' });
  assert.equal(one.body.DatastorePropertiesList.length, 1);
  const token = encodeURIComponent(one.body.NextToken);
  const two = await post(list, '{}', { query: `?MaxResults=1&NextToken=${token}` });
  assert.notEqual(two.body.DatastorePropertiesList[0].DatastoreId,
    one.body.DatastorePropertiesList[0].DatastoreId);
});

test('validation level', async () => {
  const id = await createActive();
  const start = (level) => post('HealthLake.StartFHIRImportJob',
    JSON.stringify(importing(id, 'small', { ValidationLevel: level })));
  const started = await start('structure-only');
  assert.equal(started.status, 200);
  await endOfJob('Import', id, started.body.JobId);
  const described = await post('HealthLake.DescribeFHIRImportJob',
    JSON.stringify({ DatastoreId: id, JobId: started.body.JobId }));
  assert.equal(described.body.ImportJobProperties.ValidationLevel, 'structure-only');
  assert.match((await start('lax')).body.Message, /'validationLevel'.*structure-only/);
  assert.match((await post('HealthLake.StartFHIRImportJob',
    JSON.stringify(importing(id, 'small', { InputFormat: 'CSV' })))).body.Message, /'inputFormat'/);
});

// Debian's AWS CLI; others that may be on the path are newer and slower to start.
const cli = process.env.TARN_AWS ?? '/usr/bin/aws';
test('the AWS CLI', { skip: existsSync(cli) ? false : `no ${cli}` }, async () => {
  const aws = async (...words) => {
    const { stdout } = await run(
      cli, ['healthlake', ...words, '--endpoint-url', server.apiUrl, '--region', region,
        '--output', 'json'],
      {
        env: {
          PATH: process.env.PATH, AWS_ACCESS_KEY_ID: 'any', AWS_SECRET_ACCESS_KEY: 'any',
          AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_PAGER: '',
        },
      });
    return stdout ? JSON.parse(stdout) : {};
  };
  const { DatastoreId, DatastoreArn } = await aws(
    'create-fhir-datastore', '--datastore-type-version', 'R4', '--datastore-name', 'cli');
  const store = () => aws('describe-fhir-datastore', '--datastore-id', DatastoreId);
  await until(store, (s) => s.DatastoreProperties.DatastoreStatus === 'ACTIVE');
  const listed = await aws('list-fhir-datastores', '--filter', 'DatastoreName=cli');
  assert.equal(listed.DatastorePropertiesList[0].DatastoreId, DatastoreId);
  await aws('tag-resource', '--resource-arn', DatastoreArn, '--tags', 'Key=a,Value=b');
  assert.deepEqual(
    (await aws('list-tags-for-resource', '--resource-arn', DatastoreArn)).Tags,
    [{ Key: 'a', Value: 'b' }]);
  await aws('untag-resource', '--resource-arn', DatastoreArn, '--tag-keys', 'a');
  const common = ['--datastore-id', DatastoreId, '--data-access-role-arn', role];
  const { JobId } = await aws(
    'start-fhir-import-job', ...common, '--input-data-config', 'S3Uri=s3://lake/small/',
    '--job-output-data-config', JSON.stringify(output));
  await endOfJob('Import', DatastoreId, JobId);
  const job = await aws(
    'describe-fhir-import-job', '--datastore-id', DatastoreId, '--job-id', JobId);
  assert.equal(job.ImportJobProperties.JobStatus, 'COMPLETED_WITH_ERRORS');
  const imports = await aws('list-fhir-import-jobs', '--datastore-id', DatastoreId,
    '--submitted-before', '2100-01-01', '--max-results', '1');
  assert.equal(imports.ImportJobPropertiesList.length, 1);
  const out = await aws(
    'start-fhir-export-job', ...common, '--output-data-config', JSON.stringify(output));
  await endOfJob('Export', DatastoreId, out.JobId);
  const exports = await aws('list-fhir-export-jobs', '--datastore-id', DatastoreId);
  assert.equal(exports.ExportJobPropertiesList[0].JobStatus, 'COMPLETED');
  const done = await aws(
    'describe-fhir-export-job', '--datastore-id', DatastoreId, '--job-id', out.JobId);
  assert.match(done.ExportJobProperties.OutputDataConfig.S3Configuration.S3Uri, /FHIR_EXPORT/);
  await assert.rejects(aws('describe-fhir-datastore', '--datastore-id', 'f'.repeat(32)),
    /ResourceNotFoundException/);
  const deleted = await aws('delete-fhir-datastore', '--datastore-id', DatastoreId);
  assert.equal(deleted.DatastoreStatus, 'DELETING');
});
