// The FHIR surface driven by the clients that people use: fhir-kit-client, fhirclient (SMART's own,
// without a launch), requests signed by @smithy/signature-v4, and curl. Signatures are not verified
// by this release: with --dev, signed and unsigned requests are served alike.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import FhirKit from 'fhir-kit-client';
import smart from 'fhirclient';
import { startTarn } from './tarn.mjs';

const run = promisify(execFile);
const WAIT_MS = 60_000;
const POLL_MS = 20;

let server;
let base;

async function control(operation, request) {
  const response = await fetch(server.apiUrl, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-amz-json-1.0',
      'X-Amz-Target': `HealthLake.${operation}`,
    },
    body: JSON.stringify(request),
  });
  assert.equal(response.status, 200);
  return response.json();
}

before(async () => {
  server = await startTarn();
  const { DatastoreId } = await control('CreateFHIRDatastore', { DatastoreTypeVersion: 'R4' });
  for (const end = Date.now() + WAIT_MS; ;) {
    const { DatastoreProperties } = await control('DescribeFHIRDatastore', { DatastoreId });
    if (DatastoreProperties.DatastoreStatus === 'ACTIVE') break;
    assert.ok(Date.now() < end, 'the data store is not active in time');
    await pause(POLL_MS);
  }
  base = `${server.apiUrl}/datastore/${DatastoreId}/r4`;
});
after(async () => { assert.equal(await server?.stop(), 0); });

const patient = (family, more = {}) => ({
  resourceType: 'Patient', name: [{ family, given: ['Zoë'] }], birthDate: '1980-04-01', ...more,
});
const matches = (bundle) => (bundle.entry ?? []).filter((entry) => entry.search?.mode === 'match')
  .map((entry) => entry.resource);

test('fhir-kit-client: a life of a resource', async () => {
  const client = new FhirKit({ baseUrl: base });
  const statement = await client.capabilityStatement();
  assert.equal(statement.fhirVersion, '4.0.1');
  const created = await client.create({ resourceType: 'Patient', body: patient('Kit') });
  assert.equal(created.meta.versionId, '1');
  const read = await client.read({ resourceType: 'Patient', id: created.id });
  assert.deepEqual(read, created);
  const changed = await client.update({
    resourceType: 'Patient', id: created.id, body: { ...read, active: true },
  });
  assert.equal(changed.meta.versionId, '2');
  const first = await client.vread({ resourceType: 'Patient', id: created.id, version: '1' });
  assert.equal(first.active, undefined);
  const history = await client.history({ resourceType: 'Patient', id: created.id });
  assert.equal(history.total, 2);
  const found = await client.search({ resourceType: 'Patient', searchParams: { family: 'kit' } });
  assert.deepEqual(matches(found), [changed]);
  await client.delete({ resourceType: 'Patient', id: created.id });
  await assert.rejects(client.read({ resourceType: 'Patient', id: created.id }),
    (error) => error.response.status === 410
      && error.response.data.resourceType === 'OperationOutcome');
});

test('fhir-kit-client: transaction, pages, compartment, includes, POST _search', async () => {
  const client = new FhirKit({ baseUrl: base });
  const urn = 'urn:uuid:2f6f1b3c-7d0f-4f5c-9d1e-0f1a2b3c4d5e';
  const observation = (value) => ({
    resource: {
      resourceType: 'Observation', status: 'final', subject: { reference: urn },
      code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] },
      valueQuantity: { value, system: 'http://unitsofmeasure.org', code: '/min' },
    },
    request: { method: 'POST', url: 'Observation' },
  });
  const answer = await client.transaction({
    body: {
      resourceType: 'Bundle', type: 'transaction',
      entry: [
        { fullUrl: urn, resource: patient('Pages'), request: { method: 'POST', url: 'Patient' } },
        ...[61, 62, 63, 64, 65].map(observation)],
    },
  });
  assert.equal(answer.type, 'transaction-response');
  assert.deepEqual(new Set(answer.entry.map((entry) => entry.response.status.slice(0, 3))),
    new Set(['201']));
  const id = answer.entry[0].response.location.match(/Patient\/([^/]+)/)[1];
  const values = [];
  let page = await client.search({
    resourceType: 'Observation',
    searchParams: { 'subject:Patient.family': 'pages', _sort: '-value-quantity', _count: 2 },
  });
  for (let pages = 1; ; ++pages) {
    values.push(...matches(page).map((resource) => resource.valueQuantity.value));
    if (!page.link.some((link) => link.relation === 'next')) {
      assert.equal(pages, 3);
      break;
    }
    page = await client.nextPage({ bundle: page });
  }
  assert.deepEqual(values, [65, 64, 63, 62, 61]);
  const inside = await client.compartmentSearch({
    resourceType: 'Observation', compartment: { resourceType: 'Patient', id },
    searchParams: { code: 'http://loinc.org|8867-4' },
  });
  assert.equal(inside.total, 5);
  const including = await client.search({
    resourceType: 'Observation', options: { postSearch: true },
    searchParams: { 'value-quantity': 'gt64', _include: 'Observation:subject' },
  });
  assert.deepEqual(including.entry.map((entry) => [entry.search.mode, entry.resource.resourceType]),
    [['match', 'Observation'], ['include', 'Patient']]);
  await assert.rejects(
    client.search({ resourceType: 'Patient', searchParams: { nonsense: 'x' } }),
    (error) => error.response.status === 400 && /nonsense/.test(
      error.response.data.issue[0].diagnostics));
});

test('fhirclient: requests, all pages, references, writes', async () => {
  const client = smart(
    { headers: {}, protocol: 'http', url: '/', get: () => 'localhost' }, {}).client(base);
  const made = await client.create(patient('Smart', { id: 'smart-1' }));
  assert.equal(made.name[0].family, 'Smart');
  for (let i = 0; i < 5; ++i) {
    await client.update({
      resourceType: 'Encounter', id: `smart-e${i}`, status: 'finished', class: { code: 'AMB' },
      subject: { reference: `Patient/${made.id}` },
    });
  }
  const read = await client.request(`Patient/${made.id}`);
  assert.deepEqual(read, made);
  const encounters = await client.request(
    `Encounter?subject=Patient/${made.id}&_count=2&_sort=_id`,
    { pageLimit: 0, flat: true, resolveReferences: ['subject'] });
  assert.deepEqual(encounters.map((encounter) => encounter.id),
    [0, 1, 2, 3, 4].map((i) => `smart-e${i}`));
  assert.equal(encounters[4].subject.name[0].family, 'Smart');
  await client.delete('Encounter/smart-e0');
  await assert.rejects(client.request('Encounter/smart-e0'), /410|Gone|deleted/i);
});

// fetch with a signature of AWS, version 4, as the SDKs make it.
async function signed(method, path, body) {
  const signer = new SignatureV4({
    service: 'healthlake', region: 'us-east-1', sha256: Sha256,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
  });
  const url = new URL(`${base}/${path}`);
  const request = await signer.sign({
    method, protocol: url.protocol, hostname: url.hostname, port: Number(url.port),
    path: url.pathname, query: Object.fromEntries(url.searchParams), body,
    headers: { host: url.host, ...(body ? { 'content-type': 'application/fhir+json' } : {}) },
  });
  assert.match(request.headers.authorization, /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\//);
  delete request.headers.host;
  return fetch(url, { method, headers: request.headers, body });
}

test('@smithy/signature-v4: signed requests are served', async () => {
  const put = await signed('PUT', 'Patient/signed',
    JSON.stringify(patient('Signed', { id: 'signed' })));
  assert.equal(put.status, 201);
  assert.equal((await signed('GET', 'Patient/signed')).status, 200);
  const found = await signed('GET', 'Patient?family=signed&birthdate=ge1980&_sort=-birthdate');
  assert.equal((await found.json()).total, 1);
  const statement = await signed('GET', 'metadata');
  assert.equal((await statement.json()).resourceType, 'CapabilityStatement');
});

test('curl: writes, conditions, searches by form', async () => {
  const curl = async (...more) => {
    const { stdout } = await run('curl', ['-sS', '-w', '\n%{http_code} %header{etag}', ...more]);
    const end = stdout.lastIndexOf('\n');
    const [status, etag] = stdout.slice(end + 1).split(' ');
    return { status: Number(status), etag, body: stdout.slice(0, end) };
  };
  const text = JSON.stringify(patient('Curl', { id: 'curl' }));
  const json = ['-H', 'Content-Type: application/fhir+json'];
  const put = await curl('-X', 'PUT', ...json, '-d', text, `${base}/Patient/curl`);
  assert.equal(put.status, 201);
  assert.equal(put.etag, 'W/"1"');
  const again = await curl('-X', 'PUT', ...json, '-H', 'If-Match: W/"7"', '-d', text,
    `${base}/Patient/curl`);
  assert.equal(again.status, 412);
  const unchanged = await curl('-H', 'If-None-Match: W/"1"', `${base}/Patient/curl`);
  assert.equal(unchanged.status, 304);
  const form = await curl('--data-urlencode', 'name=zoë', '--data-urlencode', 'family:exact=Curl',
    `${base}/Patient/_search`);
  assert.equal(form.status, 200);
  assert.equal(JSON.parse(form.body).total, 1);
  const query = await curl('-G', '--data-urlencode', 'family:contains=url',
    '--data-urlencode', '_format=json', `${base}/Patient`);
  assert.equal(JSON.parse(query.body).entry[0].resource.id, 'curl');
  const wrong = await curl('-H', 'Accept: application/fhir+xml', `${base}/Patient/curl`);
  assert.equal(wrong.status, 406);
  const gone = await curl('-X', 'DELETE', `${base}/Patient/curl`);
  assert.equal(gone.status, 204);
});

test('a SearchParameter of the store itself', async () => {
  const client = new FhirKit({ baseUrl: base });
  await client.update({
    resourceType: 'Patient', id: 'nick',
    body: patient('Own', { id: 'nick', contact: [{ name: { family: 'Grandmother' } }] }),
  });
  const parameter = (expression) => ({
    resourceType: 'SearchParameter', id: 'contact-family', status: 'active',
    url: 'https://example.org/SearchParameter/contact-family', name: 'ContactFamily',
    description: 'Families of contacts', code: 'contact-family', base: ['Patient'],
    type: 'string', expression,
  });
  const put = (expression) => client.update({
    resourceType: 'SearchParameter', id: 'contact-family', body: parameter(expression),
  });
  await assert.rejects(put('Patient.contact.nonsense'), (error) => error.response.status === 400
    && /SearchParameter\.expression: .*nonsense/.test(error.response.data.issue[0].diagnostics));
  await put('Patient.contact.name.family');
  // The client keeps the statement that it has read once.
  const listed = async () => (await (await fetch(`${base}/metadata`)).json()).rest[0].resource
    .find((resource) => resource.type === 'Patient').searchParam
    .find((one) => one.name === 'contact-family');
  for (const end = Date.now() + WAIT_MS; ;) {
    const found = await listed();
    if (found !== undefined && found.documentation === undefined) break;
    if (found !== undefined) assert.match(found.documentation, /being indexed: \d+ of \d+/);
    assert.ok(Date.now() < end, 'the parameter is not in force in time');
    await pause(POLL_MS);
  }
  const searchParams = { 'contact-family': 'grandm' };
  const found = await client.search({ resourceType: 'Patient', searchParams });
  assert.deepEqual(matches(found).map((resource) => resource.id), ['nick']);
  await client.delete({ resourceType: 'SearchParameter', id: 'contact-family' });
  for (const end = Date.now() + WAIT_MS; await listed() !== undefined;) {
    assert.ok(Date.now() < end, 'the parameter is in force after its deletion');
    await pause(POLL_MS);
  }
  await assert.rejects(client.search({ resourceType: 'Patient', searchParams }),
    (error) => error.response.status === 400);
});
