// Arazzo's published JSON Schema (1.0, as @stoplight/spectral-rulesets carries it) judges documents
// beside `tarn check`: what the schema refuses is refused, what it takes and makes sense is taken.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { program } from './tarn.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const schema = createRequire(import.meta.url)(
  '@stoplight/spectral-rulesets/dist/arazzo/schemas/arazzo/v1.0/index.json');
const ajv = new Ajv.default({ strict: false, validateFormats: false });
const published = ajv.compile(schema);
let folder;

const openapi = {
  openapi: '3.1.0',
  info: { title: 'Jobs', version: '1' },
  servers: [{ url: 'http://127.0.0.1:1' }],
  paths: {
    '/jobs': {
      get: { operationId: 'listJobs', responses: { 200: { description: 'All jobs.' } } },
      post: {
        operationId: 'startJob',
        requestBody: { content: { 'application/json': { schema: { type: 'object' } } } },
        responses: { 201: { description: 'The job.' } },
      },
    },
  },
};

// A document that is right; every case changes a copy.
function base() {
  return {
    arazzo: '1.0.1',
    info: { title: 'Jobs', version: '1.0.0' },
    sourceDescriptions: [{ name: 'jobs', url: 'openapi.json', type: 'openapi' }],
    workflows: [{
      workflowId: 'start',
      inputs: { type: 'object', properties: { name: { type: 'string' } } },
      steps: [{
        stepId: 'begin',
        operationId: 'startJob',
        parameters: [{ name: 'x-trace', in: 'header', value: 'on' }],
        requestBody: {
          contentType: 'application/json',
          payload: { name: '$inputs.name' },
          replacements: [{ target: '/name', value: 'fixed' }],
        },
        successCriteria: [
          { condition: '$statusCode == 201' },
          { context: '$response.body', condition: '$[?@.id]', type: 'jsonpath' },
        ],
        onSuccess: [{ name: 'done', type: 'end', criteria: [{ condition: '$statusCode == 201' }] }],
        onFailure: [{ name: 'again', type: 'retry', retryAfter: 1, retryLimit: 2 }],
        outputs: { id: '$response.body#/id' },
      }],
      outputs: { id: '$steps.begin.outputs.id' },
    }],
  };
}
const step = (document) => document.workflows[0].steps[0];

const accepted = {
  'as it is': () => {},
  'extensions': (d) => { d['x-team'] = 'a'; step(d)['x-note'] = { any: 1 }; },
  'a summary and a description': (d) => { d.info.summary = 's'; d.workflows[0].description = 'd'; },
  'an operation by path': (d) => {
    delete step(d).operationId;
    step(d).operationPath = '{$sourceDescriptions.jobs.url}#/paths/~1jobs/post';
  },
  'components': (d) => {
    d.components = { parameters: { trace: { name: 'x-trace', in: 'header', value: 'off' } } };
    step(d).parameters = [{ reference: '$components.parameters.trace' }];
  },
  'a workflow that depends on another': (d) => {
    d.workflows.push({ ...base().workflows[0], workflowId: 'then', dependsOn: ['start'] });
  },
  'retryAfter with a fraction': (d) => { step(d).onFailure[0].retryAfter = 0.5; },
};

const refused = {
  'no version': (d) => { delete d.arazzo; },
  'version 2': (d) => { d.arazzo = '2.0.0'; },
  'no info': (d) => { delete d.info; },
  'info without title': (d) => { delete d.info.title; },
  'info without version': (d) => { delete d.info.version; },
  'no sources': (d) => { d.sourceDescriptions = []; },
  'a source without url': (d) => { delete d.sourceDescriptions[0].url; },
  'a source with a space in its name': (d) => { d.sourceDescriptions[0].name = 'the jobs'; },
  'a source of unknown type': (d) => { d.sourceDescriptions[0].type = 'wsdl'; },
  'no workflows': (d) => { d.workflows = []; },
  'a workflow without id': (d) => { delete d.workflows[0].workflowId; },
  'a workflow without steps': (d) => { d.workflows[0].steps = []; },
  'an unknown member of a workflow': (d) => { d.workflows[0].step = []; },
  'a step without id': (d) => { delete step(d).stepId; },
  'a step without target': (d) => { delete step(d).operationId; },
  'a step with two targets': (d) => { step(d).workflowId = 'start'; },
  'an unknown member of a step': (d) => { step(d).successCriterion = []; },
  'a criterion without condition': (d) => { step(d).successCriteria = [{ type: 'simple' }]; },
  'a typed criterion without context': (d) => { delete step(d).successCriteria[1].context; },
  'a criterion of unknown type': (d) => { step(d).successCriteria[1].type = 'jq'; },
  'an action without type': (d) => { delete step(d).onSuccess[0].type; },
  'an action of unknown type': (d) => { step(d).onSuccess[0].type = 'stop'; },
  'goto without target': (d) => { step(d).onSuccess[0].type = 'goto'; },
  'retry as onSuccess': (d) => { step(d).onSuccess[0].type = 'retry'; },
  'a negative retryAfter': (d) => { step(d).onFailure[0].retryAfter = -1; },
  'a retryLimit with a fraction': (d) => { step(d).onFailure[0].retryLimit = 1.5; },
  'a parameter without value': (d) => { delete step(d).parameters[0].value; },
  'a parameter in an unknown place': (d) => { step(d).parameters[0].in = 'matrix'; },
  'a replacement without target': (d) => { delete step(d).requestBody.replacements[0].target; },
  'outputs that are a list': (d) => { step(d).outputs = ['id']; },
};

function check(file, more = []) {
  return new Promise((resolve, reject) => {
    execFile(program, ['check', '--json', file, ...more], { timeout: 20_000 }, (error, stdout) => {
      try {
        resolve({ ...JSON.parse(stdout), status: error ? error.code : 0 });
      } catch {
        reject(error ?? new Error(`tarn check printed ${stdout}`));
      }
    });
  });
}

async function judge(change) {
  const document = base();
  change(document);
  const file = join(folder, 'document.json');
  await writeFile(file, JSON.stringify(document));
  return { schema: published(document), tarn: await check(file) };
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tarn-arazzo-'));
  await writeFile(join(folder, 'openapi.json'), JSON.stringify(openapi));
});
after(() => rm(folder, { recursive: true, force: true }));

for (const [name, change] of Object.entries(accepted)) {
  test(`accepted: ${name}`, async () => {
    const { schema: taken, tarn } = await judge(change);
    assert.equal(taken, true, ajv.errorsText(published.errors));
    assert.deepEqual(tarn.findings.filter((finding) => finding.severity === 'error'), []);
    assert.equal(tarn.status, 0);
  });
}

for (const [name, change] of Object.entries(refused)) {
  test(`refused: ${name}`, async () => {
    const { schema: taken, tarn } = await judge(change);
    assert.equal(taken, false, 'the schema takes it');
    assert.equal(tarn.valid, false);
    assert.equal(tarn.status, 2);
    assert.ok(tarn.findings.every(({ line, column }) => line > 0 && column > 0));
  });
}

for (const file of [...readdirSync(join(root, 'workflows'), { recursive: true })
  .filter((name) => name.endsWith('.yml') || name.endsWith('.yaml'))
  .map((name) => join(root, 'workflows', name)),
...['amazon-healthlake-provision-datastore-and-export',
  'amazon-healthlake-start-import-and-wait-completed',
  'amazon-healthimaging-onboard-datastore-and-import',
  'amazon-healthimaging-provision-datastore'].map((name) =>
  join(root, '../shared/seeds', `${name}-workflow.yml`))]) {
  const name = file.split('/').at(-1);
  test(`in use: ${name}`, { skip: existsSync(file) ? false : `${name} is not there` }, async () => {
    assert.equal(published(parse(readFileSync(file, 'utf8'))), true,
                 ajv.errorsText(published.errors));
    // The embedded descriptions name no host.
    const { findings } = await check(file, ['--server', 'http://127.0.0.1:1']);
    assert.deepEqual(findings.filter((finding) => finding.severity === 'error'), []);
  });
}
