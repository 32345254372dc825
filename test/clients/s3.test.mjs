// The object endpoint driven by the AWS SDK for JavaScript. TARN_S3 names a running endpoint;
// without it a server is started.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import * as s3 from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { startTarn } from './tarn.mjs';

const MB = 1 << 20;
const bucket = `clients-${randomBytes(6).toString('hex')}`;
let server;
let client;

before(async () => {
  if (!process.env.TARN_S3) server = await startTarn();
  client = new s3.S3Client({
    endpoint: process.env.TARN_S3 ?? server.s3Url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    maxAttempts: 1,
  });
  await client.send(new s3.CreateBucketCommand({ Bucket: bucket }));
});

after(async () => {
  for (const key of await listAll()) await remove(key);
  await client.send(new s3.DeleteBucketCommand({ Bucket: bucket }));
  client.destroy();
  if (server) assert.equal(await server.stop(), 0);
});

const put = (Key, Body, more = {}) =>
  client.send(new s3.PutObjectCommand({ Bucket: bucket, Key, Body, ...more }));
const get = (Key, more = {}) =>
  client.send(new s3.GetObjectCommand({ Bucket: bucket, Key, ...more }));
const text = async (Key, more) => (await get(Key, more)).Body.transformToString();
const remove = (Key) => client.send(new s3.DeleteObjectCommand({ Bucket: bucket, Key }));
const md5 = (bytes) => createHash('md5').update(bytes).digest('hex');

async function listAll(more = {}) {
  const keys = [];
  const pages = s3.paginateListObjectsV2({ client }, { Bucket: bucket, MaxKeys: 3, ...more });
  for await (const page of pages) {
    keys.push(...(page.Contents ?? []).map((object) => object.Key));
  }
  return keys;
}

// `name` null: the SDK's releases differ in it.
async function failsWith(name, status, promise) {
  await assert.rejects(promise, (error) => {
    if (name) assert.equal(error.name, name);
    assert.equal(error.$metadata.httpStatusCode, status);
    return true;
  });
}

test('buckets', async () => {
  const { Buckets } = await client.send(new s3.ListBucketsCommand({}));
  assert.ok(Buckets.some((one) => one.Name === bucket && one.CreationDate instanceof Date));
  await client.send(new s3.HeadBucketCommand({ Bucket: bucket }));
  await client.send(new s3.GetBucketLocationCommand({ Bucket: bucket }));
  await failsWith('BucketAlreadyOwnedByYou', 409,
    client.send(new s3.CreateBucketCommand({ Bucket: bucket })));
  await failsWith('NoSuchBucket', 404,
    client.send(new s3.ListObjectsV2Command({ Bucket: 'no-such-bucket' })));
  await failsWith('NotFound', 404, client.send(new s3.HeadBucketCommand({ Bucket: 'no-such-bucket' })));
});

test('put, head, get and delete', async () => {
  const written = await put('a/hello.txt', 'hello', {
    ContentType: 'text/plain', CacheControl: 'no-store', Metadata: { origin: 'test' },
  });
  assert.equal(written.ETag, `"${md5('hello')}"`);
  assert.ok(written.ChecksumCRC32);  // The SDK sends one by default.
  const head = await client.send(new s3.HeadObjectCommand(
    { Bucket: bucket, Key: 'a/hello.txt', ChecksumMode: 'ENABLED' }));
  assert.equal(head.ContentLength, 5);
  assert.equal(head.ContentType, 'text/plain');
  assert.equal(head.CacheControl, 'no-store');
  assert.deepEqual(head.Metadata, { origin: 'test' });
  assert.equal(head.ChecksumCRC32, written.ChecksumCRC32);
  assert.equal(await text('a/hello.txt'), 'hello');  // The SDK verifies the checksum.
  assert.equal(await text('a/hello.txt', { Range: 'bytes=1-3' }), 'ell');
  await failsWith(null, 304, get('a/hello.txt', { IfNoneMatch: written.ETag }));
  await failsWith('PreconditionFailed', 412, get('a/hello.txt', { IfMatch: '"other"' }));
  await failsWith('InvalidRange', 416, get('a/hello.txt', { Range: 'bytes=5-' }));
  const shown = await get('a/hello.txt', { ResponseContentType: 'text/csv' });
  assert.equal(shown.ContentType, 'text/csv');
  await shown.Body.transformToString();
  await remove('a/hello.txt');
  await failsWith('NoSuchKey', 404, get('a/hello.txt'));
});

test('conditional writes', async () => {
  await put('once', '1', { IfNoneMatch: '*' });
  await failsWith('PreconditionFailed', 412, put('once', '2', { IfNoneMatch: '*' }));
  assert.equal(await text('once'), '1');
});

for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256']) {
  test(`streamed body with ${ChecksumAlgorithm} in a trailer`, async () => {
    const bytes = randomBytes(3 * MB + 17);
    const pieces = [bytes.subarray(0, MB), bytes.subarray(MB)];
    const written = await put(`stream-${ChecksumAlgorithm}`, Readable.from(pieces),
      { ContentLength: bytes.length, ChecksumAlgorithm });
    assert.ok(written[`Checksum${ChecksumAlgorithm}`]);
    const read = await get(`stream-${ChecksumAlgorithm}`, { ChecksumMode: 'ENABLED' });
    assert.equal(read[`Checksum${ChecksumAlgorithm}`], written[`Checksum${ChecksumAlgorithm}`]);
    assert.equal(md5(await read.Body.transformToByteArray()), md5(bytes));
    assert.equal(read.ContentEncoding, undefined);
  });
}

test('a wrong checksum is refused and nothing is written', async () => {
  await failsWith('BadDigest', 400, put('bad', 'hello', { ChecksumCRC32: 'AAAAAA==' }));
  await failsWith('NoSuchKey', 404, get('bad'));
});

test('keys that need care', async () => {
  const keys = [
    'care/sp ace', 'care/plus+plus', 'care/\u00fc\u20ac\u{1f600}', 'care/a', 'care/a/b', 'care/a/',
    'care//double', 'care/100%', 'care/%41', 'care/q?x=1&y=2', 'care/.', 'care/..', 'care/x/../y',
    `care/${'s'.repeat(300)}`, `care/${'s'.repeat(300)}/below`, "care/quote'\"<>&", 'care/back\\slash',
    'care/ leading', 'care/trailing ', 'care/~tilde', 'care/(paren)!*',
  ];
  for (const key of keys) await put(key, `is ${key}`);
  for (const key of keys) assert.equal(await text(key), `is ${key}`);
  const sorted = keys.map((key) => Buffer.from(key)).sort(Buffer.compare).map(String);
  assert.deepEqual(await listAll({ Prefix: 'care/' }), sorted);
  const page = await client.send(new s3.ListObjectsV2Command(
    { Bucket: bucket, Prefix: 'care/', Delimiter: '/', EncodingType: 'url' }));
  const prefixes = page.CommonPrefixes.map((one) => decodeURIComponent(one.Prefix));
  assert.ok(prefixes.includes('care/a/') && prefixes.includes('care//'));
  const gone = await client.send(new s3.DeleteObjectsCommand(
    { Bucket: bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }));
  assert.equal(gone.Deleted.length, keys.length);
  assert.equal(gone.Errors, undefined);
  assert.deepEqual(await listAll({ Prefix: 'care/' }), []);
});

test('listing with delimiter, markers and pages', async () => {
  for (const key of ['l/a-b', 'l/a.b', 'l/a/x', 'l/a/y', 'l/a0', 'l/z']) await put(key, 'x');
  assert.deepEqual(await listAll({ Prefix: 'l/' }),
    ['l/a-b', 'l/a.b', 'l/a/x', 'l/a/y', 'l/a0', 'l/z']);
  assert.deepEqual(await listAll({ Prefix: 'l/', StartAfter: 'l/a/x' }), ['l/a/y', 'l/a0', 'l/z']);
  assert.deepEqual(await listAll({ Prefix: 'l/', Delimiter: '/' }),
    ['l/a-b', 'l/a.b', 'l/a0', 'l/z']);
  const first = await client.send(new s3.ListObjectsCommand(
    { Bucket: bucket, Prefix: 'l/', Delimiter: '/', MaxKeys: 3 }));
  assert.equal(first.NextMarker, 'l/a/');
  assert.deepEqual(first.CommonPrefixes.map((one) => one.Prefix), ['l/a/']);
  const second = await client.send(new s3.ListObjectsCommand(
    { Bucket: bucket, Prefix: 'l/', Delimiter: '/', Marker: first.NextMarker }));
  assert.deepEqual(second.Contents.map((one) => one.Key), ['l/a0', 'l/z']);
});

test('copy', async () => {
  await put('source \u00fc', 'copied', { ContentType: 'text/plain' });
  const CopySource = `${bucket}/${encodeURIComponent('source \u00fc')}`;
  const copied = await client.send(new s3.CopyObjectCommand({ Bucket: bucket, Key: 'copy', CopySource }));
  assert.equal(copied.CopyObjectResult.ETag, `"${md5('copied')}"`);
  const read = await get('copy');
  assert.equal(read.ContentType, 'text/plain');
  assert.equal(await read.Body.transformToString(), 'copied');
  await failsWith('NoSuchKey', 404, client.send(
    new s3.CopyObjectCommand({ Bucket: bucket, Key: 'copy', CopySource: `${bucket}/none` })));
});

test('multipart of 20 MB', async () => {
  const bytes = randomBytes(20 * MB);
  const upload = new Upload({
    client, queueSize: 3, partSize: 6 * MB,
    params: { Bucket: bucket, Key: 'big', Body: Readable.from([bytes]), ContentType: 'x/y' },
  });
  const done = await upload.done();
  assert.match(done.ETag, /-4"$/);
  assert.match(done.ChecksumCRC32, /-4$/);
  const read = await get('big');
  assert.equal(read.ContentLength, bytes.length);
  assert.equal(read.ContentType, 'x/y');
  assert.equal(md5(await read.Body.transformToByteArray()), md5(bytes));
});

test('multipart by hand: copy of a part, listing, abort', async () => {
  await put('part-source', randomBytes(6 * MB));
  const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand(
    { Bucket: bucket, Key: 'hand', ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' }));
  const names = { Bucket: bucket, Key: 'hand', UploadId };
  const one = await client.send(new s3.UploadPartCopyCommand(
    { ...names, PartNumber: 1, CopySource: `${bucket}/part-source`, CopySourceRange: `bytes=0-${5 * MB - 1}` }));
  const two = await client.send(new s3.UploadPartCommand(
    { ...names, PartNumber: 2, Body: 'tail', ChecksumAlgorithm: 'CRC32' }));
  const { Parts } = await client.send(new s3.ListPartsCommand(names));
  assert.deepEqual(Parts.map((part) => part.Size), [5 * MB, 4]);
  const { Uploads } = await client.send(new s3.ListMultipartUploadsCommand({ Bucket: bucket }));
  assert.ok(Uploads.some((upload) => upload.UploadId === UploadId));
  const done = await client.send(new s3.CompleteMultipartUploadCommand({
    ...names,
    MultipartUpload: {
      Parts: [{ PartNumber: 1, ETag: one.CopyPartResult.ETag },
        { PartNumber: 2, ETag: two.ETag, ChecksumCRC32: two.ChecksumCRC32 }],
    },
  }));
  assert.equal(done.ChecksumType, 'FULL_OBJECT');
  const whole = await get('hand', { ChecksumMode: 'ENABLED' });
  assert.equal(whole.ChecksumCRC32, done.ChecksumCRC32);
  assert.ok((await whole.Body.transformToString()).endsWith('tail'));  // Verified by the SDK.

  const other = await client.send(
    new s3.CreateMultipartUploadCommand({ Bucket: bucket, Key: 'aborted' }));
  const aborted = { Bucket: bucket, Key: 'aborted', UploadId: other.UploadId };
  await client.send(new s3.AbortMultipartUploadCommand(aborted));
  await failsWith('NoSuchUpload', 404, client.send(new s3.ListPartsCommand(aborted)));
});

test('what is not built is refused by name', async () => {
  await failsWith('NotImplemented', 501, put('tagged', 'x', { Tagging: 'a=b' }));
  await failsWith('NotImplemented', 501,
    client.send(new s3.GetBucketVersioningCommand({ Bucket: bucket })));
  await failsWith('NotImplemented', 501, client.send(new s3.PutBucketPolicyCommand(
    { Bucket: bucket, Policy: '{}' })));
});
