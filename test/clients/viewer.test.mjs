// The example viewer (docs/examples/viewer: Cornerstone3D and OpenJPH in WebAssembly) in headless
// Chromium: a CT slice straight from the server, pixel by pixel as it was before the import.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as esbuild from 'esbuild';
import { program, startTarn } from './tarn.mjs';

const run = promisify(execFile);
const example = fileURLToPath(new URL('../../docs/examples/viewer', import.meta.url));
const modules = fileURLToPath(new URL('node_modules', import.meta.url));
const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';
const missing = !existsSync(chromium) && `no ${chromium}: apt-get install chromium`;
const role = 'arn:aws:iam::000000000000:role/images';
const SIDE = 512;
const SLICES = 5;
const [CENTER, WIDTH] = [40, 400]; // Of the synthetic CT.
const BROWSER_MS = 120_000;
const IMPORT_MS = 60_000;
const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };

// Tells the canvas's pixels, or why there are none.
const reporter = `<script type="module">
  const send = (path, body) => fetch(path, { method: 'POST', body });
  try {
    const { canvas, text } = await window.slice;
    const { data, width, height } = canvas.getContext('2d')
      .getImageData(0, 0, canvas.width, canvas.height);
    await send('/pixels?' + new URLSearchParams({ width, height, text }), data);
  } catch (error) {
    await send('/failed', String(error?.stack ?? error));
  }
</script>
<img src="/held" alt="">`;

let folder;

before(async () => { folder = await mkdtemp(join(tmpdir(), 'tarn-viewer-')); });
after(async () => { await rm(folder, { recursive: true, force: true }); });

// Serves the bundled page. `told` resolves to what it reports. The page's load event waits for an
// image that is answered after that: the browser takes its screenshot then.
async function servePage() {
  await esbuild.build({
    entryPoints: [join(example, 'viewer.js')],
    outfile: join(folder, 'page/viewer.bundle.js'),
    bundle: true,
    format: 'esm',
    loader: { '.wasm': 'file' },
    external: ['fs', 'path', 'crypto'], // Of OpenJPH and vtk.js, for Node only.
    nodePaths: [modules],
    logLevel: 'error',
  });
  await copyFile(join(example, 'index.html'), join(folder, 'page/index.html'));
  let tell;
  const told = new Promise((resolve) => { tell = resolve; });
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://page');
    if (request.method === 'POST') {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      response.end();
      tell({ path: url.pathname, ...Object.fromEntries(url.searchParams),
        body: Buffer.concat(chunks) });
      return;
    }
    if (url.pathname === '/held') {
      await told;
      response.writeHead(204).end();
      return;
    }
    const file = join(folder, 'page', url.pathname);
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader('Content-Type', types[extname(file)]);
    response.end(extname(file) === '.html' ? await readFile(file, 'utf8') + reporter
      : await readFile(file));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  // Another host than the server's: a page of a strange site.
  return { server, told, origin: `http://localhost:${server.address().port}` };
}

async function post(url, body) {
  const response = await fetch(url, { method: 'POST', body: body && JSON.stringify(body) });
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
}

// Makes a data store and imports the folder; returns { datastore, imageSet }.
async function importCt(apiUrl) {
  const clientToken = 'viewer';
  const { datastoreId } = await post(`${apiUrl}/datastore`, { clientToken });
  const until = async (path, done) => {
    for (const deadline = Date.now() + IMPORT_MS; Date.now() < deadline; await pause(20)) {
      const answer = await (await fetch(apiUrl + path)).json();
      if (done(answer)) return;
    }
    assert.fail(`${path}: not in time`);
  };
  await until(`/datastore/${datastoreId}`,
    (answer) => answer.datastoreProperties.datastoreStatus === 'ACTIVE');
  const { jobId } = await post(`${apiUrl}/startDICOMImportJob/datastore/${datastoreId}`, {
    clientToken, dataAccessRoleArn: role, inputS3Uri: 's3://images/ct/', outputS3Uri: 's3://images/out/',
  });
  await until(`/getDICOMImportJob/datastore/${datastoreId}/job/${jobId}`,
    (answer) => answer.jobProperties.jobStatus === 'COMPLETED');
  const found = await post(`${apiUrl}/datastore/${datastoreId}/searchImageSets`);
  assert.equal(found.imageSetsMetadataSummaries.length, 1);
  return { datastore: datastoreId, imageSet: found.imageSetsMetadataSummaries[0].imageSetId };
}

// What a slice looks like: its samples are the last of its file; PS3.3 C.11.2.1.2.1 makes grey.
async function greyOf(data, number) {
  const path = `s3/images/ct/study-0001-CT/1/${String(number).padStart(4, '0')}.dcm`;
  const file = await readFile(join(data, path));
  const samples = file.subarray(file.length - SIDE * SIDE * 2);
  return Uint8ClampedArray.from({ length: SIDE * SIDE }, (_, at) =>
    ((samples.readInt16LE(at * 2) - (CENTER - 0.5)) / (WIDTH - 1) + 0.5) * 255);
}

// Opens the page, waits for its screenshot, and ends.
async function browse(url, screenshot) {
  const child = spawn(chromium, ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
    '--force-device-scale-factor=1', `--window-size=${SIDE},${SIDE + 40}`, '--no-first-run',
    '--disable-extensions', '--disable-background-networking',
    `--user-data-dir=${join(folder, 'profile')}`, `--screenshot=${screenshot}`, url],
  { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let log = '';
  child.stderr.on('data', (bytes) => { log = (log + bytes).slice(-8192); });
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), BROWSER_MS);
  const status = await ended;
  clearTimeout(timer);
  assert.equal(status, 0, log);
}

// How many pixels are not the expected grey, within one step.
function countStrange(rgba, grey) {
  let strange = 0;
  for (let at = 0; at < grey.length; at += 1) {
    const near = [0, 1, 2].every((colour) => Math.abs(rgba[at * 4 + colour] - grey[at]) <= 1);
    if (!near) strange += 1;
  }
  return strange;
}

test('a CT slice in Cornerstone3D', { skip: missing }, async (t) => {
  const page = await servePage();
  t.after(() => page.server.close());
  const tarn = await startTarn(['--allow-origin', page.origin]);
  t.after(tarn.stop);
  await run(program, ['synth', 'dicom', '--studies', '1', '--modality', 'CT', '--slices', SLICES,
    '--out', join(tarn.data, 's3/images/ct')]);
  const { datastore, imageSet } = await importCt(tarn.apiUrl);
  const screenshot = process.env.TARN_SCREENSHOT ?? join(folder, 'page.png');
  const asked = new URLSearchParams({ server: tarn.apiUrl, datastore, imageSet });
  await browse(`${page.origin}/index.html?${asked}`, screenshot);
  const told = await Promise.race([page.told, pause(0, { path: 'nothing', body: '' })]);
  assert.equal(told.path, '/pixels', String(told.body));
  assert.deepEqual([told.width, told.height, told.text],
    [String(SIDE), String(SIDE), 'CT, instance 3']);
  assert.equal(countStrange(told.body, await greyOf(tarn.data, 3)), 0);
  // The comparison sees a difference: the slice beside it is another one.
  assert.ok(countStrange(told.body, await greyOf(tarn.data, 2)) > SIDE * SIDE / 100);
  assert.ok(existsSync(screenshot));
});

test('a page of an origin that is not allowed', { skip: missing }, async (t) => {
  const page = await servePage();
  t.after(() => page.server.close());
  const tarn = await startTarn(['--allow-origin', 'http://elsewhere.example']);
  t.after(tarn.stop);
  const id = '0'.repeat(32);
  const asked = new URLSearchParams({ server: tarn.apiUrl, datastore: id, imageSet: id });
  await browse(`${page.origin}/index.html?${asked}`, join(folder, 'refused.png'));
  const told = await page.told;
  assert.equal(told.path, '/failed');
  assert.match(String(told.body), /Failed to fetch/);
});
