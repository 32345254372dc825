// Checks JSON values against the shapes of an AWS service model.
import assert from 'node:assert/strict';

// Throws when the value does not keep to the shape of that name. `skip`: members of a structure that
// are not in the body, by [shape, member].
export function checkShape(model, name, value, path, skip = () => false) {
  const shape = model.shapes[name];
  const say = (what) => `${path} (${name}): ${what}`;
  const below = (target, inner, at) => checkShape(model, target, inner, at, skip);
  switch (shape.type) {
    case 'structure':
      assert.ok(typeof value === 'object' && !Array.isArray(value), say('no object'));
      for (const member of shape.required ?? []) {
        if (skip(shape.members[member])) continue;
        assert.ok(value[member] !== undefined, say(`${member} is missing`));
      }
      for (const [member, inner] of Object.entries(value)) {
        assert.ok(shape.members[member], say(`${member} is unknown`));
        below(shape.members[member].shape, inner, `${path}.${member}`);
      }
      if (shape.union) assert.equal(Object.keys(value).length, 1, say('a union has one member'));
      return;
    case 'list':
      assert.ok(Array.isArray(value), say('no list'));
      checkBounds(shape, value.length, say);
      value.forEach((item, index) => below(shape.member.shape, item, `${path}[${index}]`));
      return;
    case 'map':
      assert.ok(typeof value === 'object' && !Array.isArray(value), say('no map'));
      for (const [key, inner] of Object.entries(value)) {
        below(shape.key.shape, key, `${path} key`);
        below(shape.value.shape, inner, `${path}.${key}`);
      }
      return;
    case 'string':
      assert.equal(typeof value, 'string', say('no string'));
      checkBounds(shape, [...value].length, say);
      if (shape.pattern) checkPattern(shape.pattern, value, say);
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

// Some patterns are not in the syntax of the `u` flag, which others need.
function checkPattern(pattern, value, say) {
  let expression;
  try {
    expression = new RegExp(`^(?:${pattern})$`, 'u');
  } catch {
    expression = new RegExp(`^(?:${pattern})$`);
  }
  assert.match(value, expression, say('pattern'));
}

function checkBounds(shape, measure, say) {
  if (shape.min !== undefined) assert.ok(measure >= shape.min, say(`below ${shape.min}`));
  if (shape.max !== undefined) assert.ok(measure <= shape.max, say(`above ${shape.max}`));
}
