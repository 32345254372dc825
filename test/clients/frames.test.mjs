// Our frames in the decoder of web viewers: npm @cornerstonejs/codec-openjph (OpenJPH in
// WebAssembly, another version than ours). Frames byte by byte, and smaller pictures from prefixes.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import openjph from '@cornerstonejs/codec-openjph';
import { program } from './tarn.mjs';

const run = promisify(execFile);
const frames = join(dirname(program), 'tarn-frames');
const shared = fileURLToPath(new URL('../../../shared/data/dicom', import.meta.url));

let codec;
let folder;

before(async () => {
  codec = await openjph();
  folder = await mkdtemp(join(tmpdir(), 'tarn-frames-'));
});
after(async () => { await rm(folder, { recursive: true, force: true }); });

// Decodes; `level` halves the picture so often.
function decode(bytes, level = 0) {
  const decoder = new codec.HTJ2KDecoder();
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    if (level === 0) decoder.decode(); else decoder.decodeSubResolution(level);
    return { ...decoder.getFrameInfo(), samples: Buffer.from(decoder.getDecodedBuffer()) };
  } finally {
    decoder.delete();
  }
}

// One explicit little-endian element; numbers as US.
function element(tag, vr, value) {
  const body = typeof value === 'number' ? Buffer.from([value & 255, value >> 8]) : Buffer.from(value);
  const long = ['OB', 'OW'].includes(vr);
  const head = Buffer.alloc(long ? 12 : 8);
  head.writeUInt16LE(tag >>> 16, 0);
  head.writeUInt16LE(tag & 0xffff, 2);
  head.write(vr, 4, 'latin1');
  if (long) head.writeUInt32LE(body.length, 8); else head.writeUInt16LE(body.length, 6);
  return Buffer.concat([head, body]);
}

// A Part 10 file of one frame with a soft gradient.
function makeFile({ width, height, samples, stored, signed }) {
  const allocated = stored > 8 ? 16 : 8;
  const pixels = Buffer.alloc(width * height * samples * (allocated / 8));
  const span = 2 ** stored;
  for (let i = 0; i < width * height * samples; i += 1) {
    const x = Math.floor(i / samples) % width;
    const value = (x * 7 + Math.floor(i / width) * 3 + (i * 2654435761 >>> 27)) % span
      - (signed ? span / 2 : 0);
    if (allocated === 16) pixels.writeUInt16LE(value & 0xffff, i * 2);
    else pixels.writeUInt8(value & 0xff, i);
  }
  return Buffer.concat([
    Buffer.alloc(128), Buffer.from('DICM'),
    element(0x00020010, 'UI', '1.2.840.10008.1.2.1\0'),
    element(0x00280002, 'US', samples),
    element(0x00280004, 'CS', samples === 3 ? 'RGB ' : 'MONOCHROME2 '),
    element(0x00280006, 'US', 0),
    element(0x00280010, 'US', height), element(0x00280011, 'US', width),
    element(0x00280100, 'US', allocated), element(0x00280101, 'US', stored),
    element(0x00280102, 'US', stored - 1), element(0x00280103, 'US', signed ? 1 : 0),
    element(0x7fe00010, 'OW', pixels.length % 2 ? Buffer.concat([pixels, Buffer.alloc(1)]) : pixels),
  ]);
}

// Runs tarn-frames, then compares every transcoded frame; returns how many there were.
async function compare(files) {
  const { stdout } = await run(frames, ['--out', folder, ...files], { maxBuffer: 1 << 26 });
  let compared = 0;
  for (const [number, line] of stdout.trimEnd().split('\n').entries()) {
    const told = JSON.parse(line);
    if (told.form !== 'transcoded') continue;
    for (const [index, frame] of told.frames.entries()) {
      const stem = join(folder, `${number}-${index}`);
      const stored = await readFile(`${stem}.stored`);
      const expected = await readFile(`${stem}.raw`);
      const whole = decode(stored);
      assert.equal(whole.width, frame.width, told.file);
      assert.ok(whole.samples.equals(expected), `${told.file}, frame ${index}`);
      const levels = frame.resolutionEnds.length - 1;
      for (let level = 1; level <= levels; level += 1) {
        const prefix = stored.subarray(0, frame.resolutionEnds[levels - level]);
        assert.ok(decode(prefix, level).samples.equals(decode(stored, level).samples),
          `${told.file}, frame ${index}, halved ${level} times`);
      }
      compared += 1;
    }
  }
  return compared;
}

test('frames of every depth, sign and colour', async () => {
  const files = [];
  for (const [width, height] of [[1, 1], [64, 64], [131, 67], [600, 401]]) {
    for (const stored of [1, 8, 12, 16]) {
      for (const [samples, signed] of [[1, false], [1, true], [3, false]]) {
        // The package hands out samples of up to 8 bits as unsigned bytes, negative ones as 0.
        if (signed && stored <= 8) continue;
        const path = join(folder, `made-${files.length}.dcm`);
        await writeFile(path, makeFile({ width, height, samples, stored, signed }));
        files.push(path);
      }
    }
  }
  assert.equal(await compare(files), files.length);
});

test('frames of scanners', { skip: !existsSync(shared) && 'no ../shared/data/dicom' }, async () => {
  const files = ['ct-series-ge/01.dcm', 'mr-series-adc/000003.dcm', 'cr-dx/mlut_18.dcm',
    'us-colour-multiframe/examples_rgb_color.dcm', 'enhanced-multiframe/emri_small.dcm',
    'ct-one-image-all-syntaxes/ct-1.2.840.10008.1.2.4.70.dcm',
    'ct-one-image-all-syntaxes/ct-1.2.840.10008.1.2.5.dcm'].map((file) => join(shared, file));
  assert.equal(await compare(files), 16);
});
