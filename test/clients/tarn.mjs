// Starts the server that the client tests drive, on free ports and a data folder of its own.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const program = process.env.TARN_PROGRAM ?? join(root, 'build/release/tarn');
const START_TIMEOUT_MS = 20_000;

// Returns { apiUrl, s3Url, data, stop }. `more` are further arguments of `tarn serve`. A data folder
// that is given is kept after the stop; else one is made and removed.
export async function startTarn(more = [], kept = undefined) {
  const data = kept ?? await mkdtemp(join(tmpdir(), 'tarn-clients-'));
  const child = spawn(
    program,
    ['serve', '--dev', '--listen', '127.0.0.1:0', '--s3-listen', '127.0.0.1:0', '--data', data,
      ...more],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  child.stderr.on('data', (bytes) => { log = (log + bytes).slice(-65536); });
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  const stop = async () => {
    child.kill('SIGTERM');
    const status = await ended;
    if (!kept) await rm(data, { recursive: true, force: true });
    return status;
  };
  try {
    const urls = await readUrls(child);
    return { apiUrl: urls.ready, s3Url: urls.s3, data, stop };
  } catch (error) {
    await stop();
    throw new Error(`${program} did not start: ${error.message}\n${log}`);
  }
}

// Waits for the lines `ready URL` and `s3 URL`.
function readUrls(child) {
  return new Promise((resolve, reject) => {
    const urls = {};
    let text = '';
    const timer = setTimeout(() => reject(new Error('no address in time')), START_TIMEOUT_MS);
    child.once('error', reject);
    child.once('exit', (status) => reject(new Error(`ended with status ${status}`)));
    child.stdout.on('data', (bytes) => {
      text += bytes;
      for (const [, name, url] of text.matchAll(/^(ready|s3) (http:\S+)$/gm)) urls[name] = url;
      if (urls.ready && urls.s3) {
        clearTimeout(timer);
        resolve(urls);
      }
    });
  });
}
