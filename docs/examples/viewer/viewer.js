// Shows the middle slice of an image set with Cornerstone3D, straight from Tarn: metadata as the
// service keeps it, the frame by URL, decoded by OpenJPH in WebAssembly. The page's address says
// what to show: ?server=http://127.0.0.1:8080&datastore=ID&imageSet=ID
import {
  Enums, RenderingEngine, imageLoader, init, metaData, setUseCPURendering,
} from '@cornerstonejs/core';
import openjph from '@cornerstonejs/codec-openjph';
import wasmUrl from '@cornerstonejs/codec-openjph/wasm';

const asked = new URLSearchParams(location.search);
const imageSetUrl = `${asked.get('server')}/datastore/${asked.get('datastore')}`
  + `/imageSet/${asked.get('imageSet')}`;

// HealthImaging keeps numbers of DS and IS as text, several of one attribute as a list.
const first = (value) => (Array.isArray(value) ? value[0] : value);
const numberOf = (value, otherwise) => (first(value) == null ? otherwise : Number(first(value)));

async function ask(url, options) {
  const response = await fetch(url, options);
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return response;
}

// The instances of the image set, by Instance Number.
async function readInstances() {
  const response = await ask(`${imageSetUrl}/getImageSetMetadata`, { method: 'POST' });
  const metadata = await response.json();
  return Object.values(metadata.Study.Series)
    .flatMap((series) => Object.values(series.Instances)
      .map((instance) => ({ series: series.DICOM, frames: instance.ImageFrames, ...instance.DICOM })))
    .sort((a, b) => numberOf(a.InstanceNumber, 0) - numberOf(b.InstanceNumber, 0));
}

let codec;
// The samples of a frame, as they are stored.
async function readSamples(frameId, signed) {
  const response = await ask(`${imageSetUrl}/getImageFrame?imageFrameId=${frameId}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  codec ??= await openjph({ locateFile: () => wasmUrl });
  const decoder = new codec.HTJ2KDecoder();
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
    const { bitsPerSample } = decoder.getFrameInfo();
    const { buffer } = decoder.getDecodedBuffer().slice(); // Its own memory is the decoder's.
    if (bitsPerSample <= 8) return new Uint8Array(buffer);
    return signed ? new Int16Array(buffer) : new Uint16Array(buffer);
  } finally {
    decoder.delete();
  }
}

const shown = new Map(); // Instances by image id.

// What Cornerstone3D asks of an image: DICOM's modules.
function describe(module, imageId) {
  const instance = shown.get(imageId);
  if (instance === undefined) return undefined;
  const [rowSpacing, columnSpacing] = (instance.PixelSpacing ?? [1, 1]).map(Number);
  const cosines = (instance.ImageOrientationPatient ?? [1, 0, 0, 0, 1, 0]).map(Number);
  return {
    generalSeriesModule: { modality: instance.series.Modality },
    imagePixelModule: {
      samplesPerPixel: 1,
      photometricInterpretation: instance.PhotometricInterpretation,
      rows: instance.Rows,
      columns: instance.Columns,
      bitsAllocated: instance.BitsAllocated,
      bitsStored: instance.BitsStored,
      highBit: instance.HighBit,
      pixelRepresentation: instance.PixelRepresentation,
    },
    imagePlaneModule: {
      rows: instance.Rows,
      columns: instance.Columns,
      rowPixelSpacing: rowSpacing,
      columnPixelSpacing: columnSpacing,
      rowCosines: cosines.slice(0, 3),
      columnCosines: cosines.slice(3),
      imageOrientationPatient: cosines,
      imagePositionPatient: (instance.ImagePositionPatient ?? [0, 0, 0]).map(Number),
    },
  }[module];
}

async function load(imageId) {
  const instance = shown.get(imageId);
  const [frame] = instance.frames;
  const samples = await readSamples(frame.ID, instance.PixelRepresentation === 1);
  const slope = numberOf(instance.RescaleSlope, 1);
  const intercept = numberOf(instance.RescaleIntercept, 0);
  const [low, high] = [frame.MinPixelValue, frame.MaxPixelValue];
  return {
    imageId,
    getPixelData: () => samples,
    imageFrame: {},
    rows: instance.Rows,
    columns: instance.Columns,
    height: instance.Rows,
    width: instance.Columns,
    minPixelValue: low,
    maxPixelValue: high,
    slope,
    intercept,
    windowCenter: numberOf(instance.WindowCenter, ((low + high) / 2) * slope + intercept),
    windowWidth: numberOf(instance.WindowWidth, (high - low) * slope + 1),
    voiLUTFunction: Enums.VOILUTFunctionType.LINEAR,
    rowPixelSpacing: describe('imagePlaneModule', imageId).rowPixelSpacing,
    columnPixelSpacing: describe('imagePlaneModule', imageId).columnPixelSpacing,
    color: false,
    rgba: false,
    numberOfComponents: 1,
    invert: instance.PhotometricInterpretation === 'MONOCHROME1',
    dataType: samples.constructor.name,
    sizeInBytes: samples.byteLength,
  };
}

async function show() {
  init();
  setUseCPURendering(true); // Needs no WebGL.
  metaData.addProvider(describe);
  imageLoader.registerImageLoader('tarn', (imageId) => ({ promise: load(imageId) }));
  const instances = await readInstances();
  const middle = Math.floor(instances.length / 2);
  const imageIds = instances.map((instance) => `tarn:${instance.SOPInstanceUID}`);
  imageIds.forEach((imageId, index) => shown.set(imageId, instances[index]));

  const element = document.getElementById('slice');
  const engine = new RenderingEngine('engine');
  engine.enableElement({ viewportId: 'slice', element, type: Enums.ViewportType.STACK });
  const viewport = engine.getViewport('slice');
  const rendered = new Promise((resolve) => {
    element.addEventListener(Enums.Events.IMAGE_RENDERED, resolve, { once: true });
  });
  await viewport.setStack(imageIds, middle);
  viewport.render();
  await rendered;
  const { series, InstanceNumber } = instances[middle];
  return { canvas: viewport.getCanvas(), text: `${series.Modality}, instance ${numberOf(InstanceNumber, 0)}` };
}

// For who waits for the page: resolves to { canvas, text }.
window.slice = show();
window.slice.then(
  ({ text }) => { document.getElementById('note').textContent = text; },
  (error) => { document.getElementById('note').textContent = String(error); },
);
