// Shortens the validator that ajv compiles, which would otherwise be a fifth of each program that is bundled.

/** What fails at run time: names whose declarations were removed, and uses of the errors as they were before. */
const leftovers = [
  /^.*\b(?:schema|func|formats|err)\d+\b.*$/m,
  /^.*\bvErrors\b(?!\.length\b|\.push\(\{\}\);|[,)]).*$/m,
  /^.*\bvErrors\.length(?!;| = _errs\d+;$).*$/m,
];

/**
 * Replaces what ajv repeats for each rule by a call of a function of src/config/validator-errors.ts, and leaves out
 * what nobody reads. Throws if ajv writes its code in another way.
 *
 * @param {string} code
 * @param {Readonly<Record<string, { properties: readonly string[] }>>} definitions that these functions know, by title
 */
export function compactValidator(code, definitions) {
  const schemas = new Map(
    [...code.matchAll(/^const (schema\d+) = (.*);$/gm)].map(([, name, json]) => [name, JSON.parse(json)]),
  );
  const partValue = (expression) => {
    const [name, ...steps] = [...expression.matchAll(/\["(.*?)"\]|[\w$]+/g)].map(
      ([text, quoted]) => quoted ?? text,
    );
    return steps.reduce((value, step) => value[step], schemas.get(name));
  };
  const literal = (text) =>
    text.replace(/\bschema\d+[\w$.[\]"]*/g, (expression) => JSON.stringify(partValue(expression)));
  const parts = new Map();
  const partOf = (expression) => {
    const { title, errorMessage, patternErrorMessage, enum: values } = partValue(expression);
    const json = JSON.stringify({ title, errorMessage, patternErrorMessage, enum: values });
    if (!parts.has(json)) parts.set(json, `part${parts.size}`);
    return parts.get(json);
  };
  // Of many names, ajv looks one up in the schema; few of them are in the condition.
  const namesIn = (condition, key) => {
    const [, properties] =
      new RegExp(`^\\(func\\d+\\.call\\((schema[^,]*), ${key}\\)\\)$`).exec(condition) ?? [];
    if (properties !== undefined) return Object.keys(partValue(properties));
    const name = new RegExp(`${key} === ("(?:[^"\\\\]|\\\\.)*")`, "g");
    const rest = condition.replaceAll(name, "").replaceAll(/[()|\s]/g, "");
    if (rest !== "") throw new Error(`Nothing is known of this condition for a property: ${condition}`);
    return [...condition.matchAll(name)].map(([, quoted]) => JSON.parse(quoted));
  };
  const refusesExactly = (names, part) => {
    const [json] = [...parts].find(([, each]) => each === part);
    const { title } = JSON.parse(json);
    const known = Object.hasOwn(definitions, title) ? definitions[title].properties : undefined;
    if (known?.toSorted().join() !== names.toSorted().join())
      throw new Error(
        `An object with \`additionalProperties: false\` needs a title of its own; ${title} is none. It has ${names.join(", ")}.`,
      );
  };
  const errorOf = (_, path, keyword, params, schema, data = "data", name) => {
    const isUnread = /^(?:pattern|allowedValues?):/.test(params);
    const shown = isUnread ? "{}" : `{${literal(params)}}`;
    return `failure(${[path ?? "instancePath", `"${keyword}"`, partOf(schema), data, shown, name].filter(Boolean).join(", ")})`;
  };
  // Outside of the functions, because `fits` prepares each object once.
  const conditions = [];
  const fitsOf = (_, value, condition) => {
    conditions.push(condition);
    return `fits(${value}, condition${conditions.length - 1}, whole)`;
  };
  const steps = [
    [/\bfits\((\w+), (\{.*\}), \{\}\)/gm, fitsOf],
    [/^(?:export|const schema\d+|const func\d+) .*\n/gm, ""],
    // These repeat the errors of what is inside of them.
    [/^const err\d+ = \{.*,keyword:"(?:if|propertyNames)".*\n(?:.*\n){7}/gm, ""],
    [/^(?:let )?(?:ifClause|missing)\d+.*;\n/gm, ""],
    [
      /\{instancePath(?::(.*?))?,schemaPath:".*?",keyword:"(\w+)",params:\{(.*?)\},schema:.*,parentSchema:(schema.*?),data(?::(.+?))?(?:,propertyName:(\w+))?\}(?=;$)/gm,
      errorOf,
    ],
    [/^const err\d+ = \{\};\n(?:.*\n){6}errors\+\+;$/gm, "vErrors.push({});"],
    [/^const err\d+ = failure\((.*)\);\n(?:.*\n){6}errors\+\+;$/gm, "fail(vErrors, $1);"],
    [/^if\(!\((validate\d+)\((.*?), \{instancePath,.*\n(?:.*\n){2}\}$/gm, "$1($2, instancePath, vErrors);"],
    [
      /^if\(!\((validate\d+)\((.*?), \{instancePath:(.*?),parentData.*\n(?:.*\n){2}\}$/gm,
      "$1($2, $3, vErrors);",
    ],
    [
      /^errors = (_errs\d+);\nif\(vErrors !== null\)\{\nif\(\1\)\{\nvErrors.length = \1;\n(?:.*\n){4}\}$/gm,
      "vErrors.length = $1;",
    ],
    [
      /^(function validate\d+\(data, ).*\n(?:.*sourceURL.*\n)?let vErrors = null;\nlet errors = 0;$/gm,
      "$1instancePath, vErrors){",
    ],
    [/^validate\d+\.errors = vErrors;\nreturn errors === 0;\n/gm, ""],
    [/\berrors\b/g, "vErrors.length"],
    [
      /^const _errs\d+ = .*\n((?:let .*\n)?)const _errs\d+ = .*\nif\(!(fits\(.*\))\)\{\nvErrors.push\(\{\}\);\n\}\nvar (\w+) = .*\nvErrors.length = .*$/gm,
      "$1var $3 = $2;",
    ],
    [/\bfunc\d+\((\w+)\) < 1\b/g, "$1.length < 1"],
    [/(\w+) && typeof \1 == "object" && !Array\.isArray\(\1\)/g, "isObject($1)"],
    [
      /^for\(const (\w+) in (\w+)\)\{\nif\(!(.*)\)\{\nfail\(vErrors, (.*), "additionalProperties", (part\d+), .*\n\}\n\}$/gm,
      (_, key, object, condition, path, part) => {
        refusesExactly(namesIn(condition, key), part);
        return `refuseOthers(vErrors, ${path}, ${part}, ${object});`;
      },
    ],
    [
      /^if\(data\.(\w+) === undefined\)\{\nfail\(vErrors, (.*), "required", (part\d+), data, .*\n\}$/gm,
      'need(vErrors, $2, $3, data, "$1");',
    ],
    [
      /^if\(!\(\(*(\w+) === .*\nfail\(vErrors, (.*), "enum", (part\d+), \1, .*\n\}$/gm,
      "oneOf(vErrors, $2, $3, $1);",
    ],
    [
      /^if\(data\.(\w+) !== undefined\)\{\n(?:const .*\n)?(validate\d+)\(data\.\1, instancePath\+"\/\1", vErrors\);\n(?:var .*\n)?\}$/gm,
      'inner(vErrors, instancePath, data, "$1", $2);',
    ],
  ];
  let text = code;
  for (const [pattern, replacement] of steps) {
    if (!pattern.test(text))
      throw new Error(`ajv writes its code in another way now: ${pattern} finds nothing.`);
    text = text.replace(pattern, replacement);
  }
  for (const leftover of leftovers) {
    const [line] = leftover.exec(text) ?? [];
    if (line !== undefined) throw new Error(`This line of the validator would fail at run time: ${line}`);
  }
  const [slow] = /\bfits\(\w+, \{.*/.exec(text) ?? [];
  if (slow !== undefined) throw new Error(`This condition would be prepared again for each value: ${slow}`);
  const [, root] = /^export const validate = (\w+);$/m.exec(code) ?? [];
  const tables = [
    "const whole = {};\n",
    ...[...parts].map(([json, name]) => `const ${name} = ${json};\n`),
    ...conditions.map((json, index) => `const condition${index} = ${json};\n`),
  ].join("");
  const imports = `import { fits } from "../fits-schema.js";
    import { isObject } from "../json.js";
    import { fail, inner, need, oneOf, refuseOthers } from "../validator-errors.js";\n`;
  return `${imports}${tables}${text}export function schemaErrors(data) { const errors = []; ${root}(data, "", errors); return errors; }`;
}
