// The object endpoint driven by the AWS CLI (Debian's 2.9.19 and newer). TARN_S3 names a running
// endpoint; without it a server is started.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { startTarn } from './tarn.mjs';

const program = process.env.AWS_CLI ?? '/usr/bin/aws';
const skip = existsSync(program) ? false : `${program} is not there`;
const bucket = `cli-${randomBytes(6).toString('hex')}`;
let server;
let url;
let folder;

before(async () => {
  if (skip) return;
  if (!process.env.TARN_S3) server = await startTarn();
  url = process.env.TARN_S3 ?? server.s3Url;
  folder = await mkdtemp(join(tmpdir(), 'tarn-cli-'));
});

after(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
  if (server) assert.equal(await server.stop(), 0);
});

async function aws(...args) {
  const { stdout } = await promisify(execFile)(program, ['--endpoint-url', url, ...args], {
    cwd: folder,
    maxBuffer: 1 << 24,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      LC_ALL: 'C.UTF-8',
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true',
    },
  });
  return stdout;
}

const fileHash = async (path) => createHash('sha256').update(await readFile(path)).digest('hex');

test('mb, cp, sync, ls, mv, rm, rb', { skip }, async () => {
  const tree = join(folder, 'tree');
  await mkdir(join(tree, 'sub folder'), { recursive: true });
  await writeFile(join(tree, 'a.txt'), 'a');
  await writeFile(join(tree, 'sub folder', 'b c+\u00fc.txt'), 'b');
  await writeFile(join(tree, 'big.bin'), randomBytes(20 << 20));

  await aws('s3', 'mb', `s3://${bucket}`);
  assert.match(await aws('s3', 'ls'), new RegExp(bucket));
  await aws('s3', 'cp', '--no-progress', 'tree/big.bin', `s3://${bucket}/big.bin`);
  await aws('s3', 'cp', '--no-progress', `s3://${bucket}/big.bin`, 'back.bin');
  assert.equal(await fileHash(join(folder, 'back.bin')), await fileHash(join(tree, 'big.bin')));

  await aws('s3', 'sync', '--no-progress', 'tree', `s3://${bucket}/in/`);
  const listed = await aws('s3', 'ls', '--recursive', `s3://${bucket}/in/`);
  for (const key of ['in/a.txt', 'in/big.bin', 'in/sub folder/b c+\u00fc.txt']) {
    assert.ok(listed.includes(key), listed);
  }
  assert.match(await aws('s3', 'ls', `s3://${bucket}/in/`), /PRE sub folder\//);
  // Nothing changed, so nothing is sent again.
  assert.equal(await aws('s3', 'sync', '--no-progress', 'tree', `s3://${bucket}/in/`), '');
  await aws('s3', 'sync', '--no-progress', `s3://${bucket}/in/`, 'restored');
  assert.deepEqual((await readdir(join(folder, 'restored'))).sort(), (await readdir(tree)).sort());
  assert.equal(await fileHash(join(folder, 'restored', 'big.bin')),
    await fileHash(join(tree, 'big.bin')));

  // A copy of this size is made in parts, on the server.
  await aws('s3', 'cp', '--no-progress', `s3://${bucket}/big.bin`, `s3://${bucket}/copy.bin`);
  await aws('s3', 'mv', '--no-progress', `s3://${bucket}/copy.bin`, `s3://${bucket}/moved.bin`);
  await aws('s3', 'cp', '--no-progress', `s3://${bucket}/moved.bin`, 'moved.bin');
  assert.equal(await fileHash(join(folder, 'moved.bin')), await fileHash(join(tree, 'big.bin')));

  await aws('s3', 'rm', '--recursive', `s3://${bucket}`);
  await aws('s3', 'rb', `s3://${bucket}`);
  await assert.rejects(aws('s3', 'ls', `s3://${bucket}`), /NoSuchBucket/);
});
