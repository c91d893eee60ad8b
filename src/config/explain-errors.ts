import { nearNames } from "../lib/near-names.js";
import { describeFound, typesInWords } from "./describe-found.js";
import { schemaParts } from "./generated/schema-parts.js";
import { type FoundError, validate } from "./generated/validate.js";
import { literalSecretHint, variableMeant } from "./literal-secret.js";
import { listed } from "./misplaced.js";
import { fromPointer, type Json, type Mistake, type Path, toPointer } from "./source-document.js";
import { tokenTypes } from "./token-types.js";
import {
  type Finding,
  isAboutPlaces,
  knownNames,
  type SchemaError,
  withoutConsequences,
} from "./unknown-properties.js";

/** A mistake that the schema found; `rule` tells two at the same place apart. */
export interface SchemaMistake extends Mistake {
  readonly rule: string;
}

// They sum up errors that are there anyway.
const summaries = new Set(["if", "propertyNames"]);
// What a string may fail as long as it is not known what its `${…}` stands for.
const rulesOfText = new Set(["pattern", "enum", "minLength"]);
// A string in their place is a secret.
const references = new Set<string | undefined>(["SecretReference", "Assertion", "SubjectToken"]);
// Lists that cannot be left out.
const neededLists = new Set<string | undefined>(["Command", "EncryptionKeys", "SentinelNodes"]);
const ofReference = new Set<string | undefined>(["env", "file", "exec", "resolver", "ref", "pointer"]);

/** One entry for each mistake. `isOpen` says of a string that its `${…}` is not filled in, so that its form cannot be judged. */
export function findMistakes(
  config: Json,
  isOpen: (path: Path, text: string) => boolean,
): readonly SchemaMistake[] {
  if (validate(config)) return [];
  const found: readonly FoundError[] = validate.errors ?? [];
  const all = found.map(({ part, ...error }): SchemaError => ({ ...error, parentSchema: schemaParts[part] }));
  const ofWrongType = new Set(all.filter(isWrongType).map(({ instancePath }) => instancePath));
  const inTwoPlaces = all.filter(({ parentSchema }) => parentSchema?.title === "TwoPlaces");
  const ofTwoPlaces = new Set(inTwoPlaces.map(({ instancePath }) => instancePath));
  const errors = all.filter((error) => {
    if (summaries.has(error.keyword)) return false;
    // What is no string is also none of the strings allowed.
    if (ofWrongType.has(error.instancePath) && !isWrongType(error)) return false;
    // What goes with which place is not known before there is one of them.
    if (!isAboutPlaces(error) && ["not", "required"].includes(error.keyword)) {
      const holder = error.keyword === "not" ? parentOf(error.instancePath) : error.instancePath;
      if (ofTwoPlaces.has(holder)) return false;
    }
    const isForm = rulesOfText.has(error.keyword) && error.propertyName === undefined;
    return !(isForm && typeof error.data === "string" && isOpen(fromPointer(error.instancePath), error.data));
  });
  return oncePerMistake(withoutConsequences(errors).map(toMistake));
}

function toMistake(finding: Finding): SchemaMistake {
  const { error } = finding;
  const { keyword, params, propertyName, data } = error;
  const path = fromPointer(error.instancePath);
  const schema = error.parentSchema ?? {};
  const mistake = (message: string, hint?: string, at: Path = path, atName = false): SchemaMistake => {
    return { path: at, atName, message, ...(hint !== undefined && { hint }), rule: `${keyword} ${message}` };
  };
  // It is about a name: what the object is need not be found out for each.
  if (keyword === "additionalProperties") return unknownProperty(finding, path);
  const found = `, found ${describeFound(data, mayBeSecret(path, schema.title))}`;

  if (propertyName !== undefined) {
    const message = schema.patternErrorMessage ?? "This name is not allowed";
    return mistake(message, undefined, [...path, propertyName], true);
  }
  switch (keyword) {
    case "required": {
      const name = String(params.missingProperty);
      return mistake(`The property "${name}" is missing`, missingHint(name, error, path));
    }
    case "type":
      return wrongType(error, path, found);
    case "enum":
      return notInList(error, path, found);
    case "const":
      return mistake(`${schema.errorMessage ?? "Not allowed here"}${found}`);
    case "not":
      return notAllowed(error, path, found);
    case "pattern":
      return {
        ...mistake(`${schema.patternErrorMessage ?? "Not of the right form"}${found}`),
        ...nearType(error),
      };
    case "minLength":
      return mistake("Must not be empty");
    case "minItems":
      return mistake("Must not be empty", neededLists.has(schema.title) ? undefined : "Leave it out instead");
    case "uniqueItems": {
      const second = String(Math.max(params.i ?? 0, params.j ?? 0));
      return mistake("This is in the list twice", "Keep one of them", [...path, second]);
    }
    case "minimum":
      return mistake(`Must be at least ${String(params.limit)}${found}`);
    case "maximum":
      return mistake(`Must be at most ${String(params.limit)}${found}`);
    default:
      return mistake("Not allowed here");
  }
}

function unknownProperty({ error, meant, home }: Finding, path: Path): SchemaMistake {
  const name = String(error.params.additionalProperty);
  if (home !== undefined) {
    const names = home.names.map((each) => JSON.stringify(each));
    const message = `${listed(names)} ${names.length === 1 ? "belongs" : "belong"} ${home.where}`;
    const rule = `additionalProperties ${message}`;
    const at = { path: [...path, name], atName: true };
    return { ...at, message, rule, ...(home.hint !== undefined && { hint: home.hint }) };
  }
  const hint =
    meant === undefined ? `Allowed here: ${knownNames(error).join(", ")}` : `Did you mean "${meant}"?`;
  // `secret:hunter2`, a space forgotten, is a name in YAML.
  if (/[:=]/.test(name)) {
    const message = `Unknown property with a name of ${name.length} characters`;
    return { path, atName: true, message, hint, rule: `additionalProperties ${message}` };
  }
  const message = `Unknown property ${JSON.stringify(name)}`;
  const rule = `additionalProperties ${message}`;
  const mistake = { path: [...path, name], atName: true, message, hint, rule };
  return meant === undefined ? mistake : { ...mistake, fix: { kind: "name", to: meant } };
}

function wrongType({ params, parentSchema, data }: SchemaError, path: Path, found: string): SchemaMistake {
  const type = String(params.type);
  const allowed = parentSchema?.errorMessage ?? mustBe(parentSchema?.enum) ?? `Must be ${typesInWords(type)}`;
  const mistake = { path, atName: false, message: `${allowed}${found}`, rule: "type" };
  if (typeof data !== "string") return mistake;
  if (type === "array" && parentSchema?.title !== "Command") {
    return { ...mistake, hint: 'Write a list, each as an item of its own: ["first", "second"]' };
  }
  if (!references.has(parentSchema?.title)) return mistake;
  const variable = variableMeant(data);
  return {
    ...mistake,
    hint: literalSecretHint(path, data),
    ...(variable !== undefined && { fix: { kind: "reference", to: variable } as const }),
  };
}

// Registered, and no slip for any of ours, however near.
const otherAlgorithms = /^(HS(256|384|512)|ES256K|Ed448|ML-DSA-\d\d)$/i;

/** Of a string nothing is shown, unless it is one of those allowed but for a slip. */
function notInList({ parentSchema, data }: SchemaError, path: Path, found: string): SchemaMistake {
  const values = parentSchema?.enum ?? [];
  const allowed = mustBe(values) ?? "Not allowed here";
  if (values.includes("RS256") && typeof data === "string" && otherAlgorithms.test(data)) {
    const mistake = {
      path,
      atName: false,
      message: `${allowed}, found ${JSON.stringify(data)}`,
      rule: "enum",
    };
    return /^hs/i.test(data) ? { ...mistake, hint: ofSecret } : mistake;
  }
  const [near] = typeof data === "string" ? nearNames(data, values.map(String)) : [];
  if (near === undefined) return { path, atName: false, message: `${allowed}${found}`, rule: "enum" };
  return {
    path,
    atName: false,
    message: `${allowed}, found ${JSON.stringify(data)}`,
    hint: `Did you mean "${near}"?`,
    fix: { kind: "text", to: near },
    rule: "enum",
  };
}

const ofSecret = "It signs with a secret: give the client a `secret`, and the method client_secret_jwt";

function notAllowed(error: SchemaError, path: Path, found: string): SchemaMistake {
  const message = error.parentSchema?.errorMessage ?? "Not allowed here";
  if (!isAboutPlaces(error)) return { path, atName: true, message, rule: "not" };
  const isEmpty = error.parentSchema?.title === "NoPlace";
  if (isEmpty) return { path, atName: false, message: `${message}${found}`, rule: "places" };
  return { path, atName: false, message, hint: "Keep one of the two", rule: "places" };
}

function mustBe(values: readonly unknown[] | undefined): string | undefined {
  if (values === undefined) return undefined;
  return `Must be ${values.length > 1 ? "one of " : ""}${values.map((value) => JSON.stringify(value)).join(", ")}`;
}

function nearType({ parentSchema, data }: SchemaError): Pick<SchemaMistake, "hint" | "fix" | "rule"> {
  const [near] =
    parentSchema?.title === "TokenType" && typeof data === "string" ? nearNames(data, tokenTypes) : [];
  if (near === undefined) return { rule: "pattern" };
  return { rule: "pattern", hint: `Did you mean "${near}"?`, fix: { kind: "text", to: near } };
}

function missingHint(name: string, { parentSchema, data }: SchemaError, path: Path): string | undefined {
  const title = parentSchema?.title;
  if (title === "UndecidedGrant") return plainType(data);
  if (title === "ClientWithCredential") return "Only a client without a credential may leave it out";
  if (title === "PrivateKey") return "A key that never leaves a KMS or HSM has a `signer` instead";
  if (title === "SignerKey") return "A `signer` does not say by itself which algorithm it is for";
  if (name === "id" && path[0] === "clients") {
    return "Only a client that is written in a grant jwt_bearer may leave it out";
  }
  if (name === "issuer" && title === "Client")
    return "A credential goes only to the authorization server that it is registered at";
  return undefined;
}

/** The grant that is meant by what is in it. */
function plainType(grant: unknown): string | undefined {
  const type = { idp: "enterprise_managed", subject: "token_exchange", actor: "token_exchange" };
  const more = { requestedType: "token_exchange", assertion: "jwt_bearer", token: "static" };
  for (const [field, name] of Object.entries({ ...type, ...more })) {
    if (typeof grant !== "object" || grant === null || !Object.hasOwn(grant, field)) continue;
    return `A grant with ${/^[ai]/.test(field) ? "an" : "a"} "${field}" is { "type": "${name}", "${field}": … }`;
  }
  return undefined;
}

function mayBeSecret(path: Path, title: string | undefined): boolean {
  const name = path.at(-1);
  const isItem = path.at(-2) === "exec";
  return (
    isItem ||
    ofReference.has(name) ||
    title === "HeaderValue" ||
    title === "ParamValue" ||
    references.has(title)
  );
}

function parentOf(pointer: string): string {
  return pointer.slice(0, pointer.lastIndexOf("/"));
}

function isWrongType({ keyword }: SchemaError): boolean {
  return keyword === "type";
}

// A value can be reached through two parts of the schema.
function oncePerMistake(mistakes: readonly SchemaMistake[]): readonly SchemaMistake[] {
  const byPlace = new Map<string, SchemaMistake>();
  for (const mistake of mistakes) byPlace.set(`${toPointer(mistake.path)} ${mistake.rule}`, mistake);
  return [...byPlace.values()];
}
