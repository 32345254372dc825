// FHIRPath against an independent engine: npm fhirpath, on random expressions over made resources.
// Short form: 1,000 pairs of expression and resource. TARN_SLOW=1: 10,000. TARN_SEED repeats a run.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import fhirpath from 'fhirpath';
import r4 from 'fhirpath/fhir-context/r4/index.js';
import { PathMaker, Random } from './fhirpath_maker.mjs';
import { program } from './tarn.mjs';

const run = promisify(execFile);
const PAIRS = process.env.TARN_SLOW === '1' ? 10_000 : 1_000;
const RESOURCES = 10; // Of a type, per expression.
const TYPES = ['Patient', 'Observation', 'Condition', 'Encounter', 'Claim', 'Procedure',
  'MedicationRequest', 'DiagnosticReport', 'CarePlan', 'Immunization', 'Practitioner'];
const seed = Number(process.env.TARN_SEED ?? 20261);

let folder;
const resources = new Map();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tarn-fhirpath-'));
  await run(program, ['synth', 'patients', '--patients', '12', '--seed', '7', '--out', folder]);
  for (const type of TYPES) {
    const text = await readFile(join(folder, `${type}.ndjson`), 'utf8');
    const lines = text.trimEnd().split('\n').slice(0, RESOURCES);
    await writeFile(join(folder, `${type}.some.ndjson`), `${lines.join('\n')}\n`);
    resources.set(type, lines.map((line) => JSON.parse(line)));
  }
});
after(async () => { await rm(folder, { recursive: true, force: true }); });

// What Tarn gives for each line: { items } or { error }.
async function ours(expression, type) {
  const file = join(folder, `${type}.some.ndjson`);
  const done = await run(program, ['fhirpath', '--json', '--', expression, file],
    { maxBuffer: 1 << 26 }).catch((error) => error);
  const lines = done.stdout.trimEnd().split('\n').filter((line) => line !== '');
  if (lines.length === 0) return resources.get(type).map(() => ({ error: done.stderr.trim() }));
  return lines.map((line) => JSON.parse(line));
}

function theirs(expression, resource) {
  try {
    return { items: fhirpath.evaluate(resource, expression, null, r4, { async: false }) };
  } catch (error) {
    return { error: String(error.message ?? error) };
  }
}

// Both engines' values in one form: numbers as numbers, times and quantities as text.
function plain(value) {
  if (typeof value === 'bigint') return Number(value);
  if (value !== null && typeof value === 'object' && !Array.isArray(value)
      && value.constructor !== Object) {
    const text = value.toString();
    return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  }
  return value;
}

function same(a, b) {
  if (typeof a === 'number' && typeof b === 'number') {
    return Math.abs(a - b) <= 1e-7 * Math.max(1, Math.abs(a), Math.abs(b));
  }
  // Arithmetic there gives instants in another zone.
  const instant = /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/;
  if (instant.test(a) && instant.test(b)) return Date.parse(a) === Date.parse(b);
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => same(a[key], b[key]));
}

function difference(left, right) {
  if (left.error !== undefined && right.error !== undefined) return undefined;
  if (left.error !== undefined) return `ours fails: ${left.error}`;
  if (right.error !== undefined) return `theirs fails: ${right.error}`;
  const a = left.items.map((item) => item.value);
  const b = right.items.map(plain);
  if (same(a, b)) return undefined;
  return `ours ${JSON.stringify(a)?.slice(0, 300)}, theirs ${JSON.stringify(b)?.slice(0, 300)}`;
}

test(`${PAIRS} random pairs, seed ${seed}`, { timeout: 1_200_000 }, async () => {
  const random = new Random(seed);
  const differences = [];
  let compared = 0;
  let found = 0;
  while (compared < PAIRS) {
    const type = random.pick(TYPES);
    const list = resources.get(type);
    const expression = new PathMaker(random, list).make();
    const results = await ours(expression, type);
    for (const [i, resource] of list.entries()) {
      const right = theirs(expression, resource);
      const fault = difference(results[i] ?? { error: 'nothing printed' }, right);
      if (fault) differences.push(`${type} ${i}: ${expression}\n    ${fault}`);
      if (right.items?.length > 0) found += 1;
      compared += 1;
    }
  }
  assert.equal(differences.length, 0,
    `${differences.length} of ${compared} differ:\n${differences.slice(0, Number(process.env.TARN_SHOW ?? 20)).join('\n')}`);
  assert.ok(found > compared / 3, `only ${found} of ${compared} results had items`);
});
