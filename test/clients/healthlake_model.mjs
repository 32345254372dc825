// Checks HealthLake's answers against the service model, when the models lie beside the repository.
// Without them the SDK's own deserialisation is all that is checked.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../../shared/models/healthlake/', import.meta.url));
const read = (name) => (existsSync(folder + name) ? JSON.parse(readFileSync(folder + name)) : null);

export const model = read('service-2.2025-01-24.json');
export const waiters = read('waiters-2.json')?.waiters;

// What is built beyond the model of January 2025.
if (model) {
  model.shapes.ValidationLevel = {
    type: 'string', enum: ['strict', 'structure-only', 'minimal'],
  };
  model.shapes.ImportJobProperties.members.ValidationLevel = { shape: 'ValidationLevel' };
}
// Errors that belong to the protocol and not to an operation.
const common = ['SerializationException', 'UnknownOperationException'];

// Throws when a response body does not keep to the operation's output shape.
export function checkResponse(operation, body) {
  if (model) check(model.operations[operation].output.shape, body, operation);
}

// Throws when an operation may not answer with this exception.
export function checkError(operation, status, body) {
  const name = body.__type;
  assert.equal(typeof body.Message, 'string');
  assert.equal(status, name === 'InternalServerException' ? 500 : 400);
  if (!model || common.includes(name)) return;
  const names = model.operations[operation].errors.map((error) => error.shape);
  assert.ok(names.includes(name), `${operation} does not know ${name}`);
}

function check(name, value, path) {
  const shape = model.shapes[name];
  const say = (what) => `${path} (${name}): ${what}`;
  switch (shape.type) {
    case 'structure':
      assert.ok(typeof value === 'object' && !Array.isArray(value), say('no object'));
      for (const member of shape.required ?? []) {
        assert.ok(value[member] !== undefined, say(`${member} is missing`));
      }
      for (const [member, below] of Object.entries(value)) {
        assert.ok(shape.members[member], say(`${member} is unknown`));
        check(shape.members[member].shape, below, `${path}.${member}`);
      }
      if (shape.union) assert.equal(Object.keys(value).length, 1, say('a union has one member'));
      return;
    case 'list':
      assert.ok(Array.isArray(value), say('no list'));
      checkBounds(shape, value.length, say);
      value.forEach((item, index) => check(shape.member.shape, item, `${path}[${index}]`));
      return;
    case 'string':
      assert.equal(typeof value, 'string', say('no string'));
      checkBounds(shape, [...value].length, say);
      if (shape.pattern) {
        assert.match(value, new RegExp(`^(?:${shape.pattern})$`, 'u'), say('pattern'));
      }
      if (shape.enum) assert.ok(shape.enum.includes(value), say('not of the enumeration'));
      return;
    case 'boolean':
      assert.equal(typeof value, 'boolean', say('no boolean'));
      return;
    case 'integer':
    case 'long':
      assert.ok(Number.isSafeInteger(value), say('no integer'));
      checkBounds(shape, value, say);
      return;
    case 'double':
    case 'timestamp': // Epoch seconds.
      assert.equal(typeof value, 'number', say('no number'));
      return;
    default:
      assert.fail(say(`type ${shape.type}`));
  }
}

function checkBounds(shape, measure, say) {
  if (shape.min !== undefined) assert.ok(measure >= shape.min, say(`below ${shape.min}`));
  if (shape.max !== undefined) assert.ok(measure <= shape.max, say(`above ${shape.max}`));
}
