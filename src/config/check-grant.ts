import { checkAssertionLifetime } from "./check-assertion-lifetime.js";
import { checkClient } from "./check-client.js";
import type { CheckContext } from "./check-context.js";
import { checkGrantType } from "./check-grant-type.js";
import { checkParams } from "./check-params.js";
import { defaults } from "./defaults.js";
import { entries, isList, isObject, type Json, type Path, property } from "./json.js";
import { reservedClaims } from "./reserved.js";
import type { GrantSpec } from "./spec.js";

interface GrantTraits {
  /** A store in memory would lose the refresh token with the process. */
  readonly needsDurableStore: boolean;
  /** Its tokens can be bound to a DPoP key. */
  readonly canBeBound: boolean;
}

const requested: GrantTraits = { needsDurableStore: false, canBeBound: true };
const grantTraits: Readonly<Record<GrantSpec["type"], GrantTraits>> = {
  client_credentials: requested,
  jwt_bearer: requested,
  token_exchange: requested,
  enterprise_managed: requested,
  refresh_token: { needsDurableStore: true, canBeBound: true },
  extension: requested,
  static: { needsDurableStore: false, canBeBound: false },
};

/** Returns the traits of a grant, or `undefined` if its type is unknown, which the schema reports. */
export function traitsOfGrant(grant: Json | undefined): GrantTraits | undefined {
  const type = property(grant, "type") ?? defaults.grantType;
  return isGrantType(type) ? grantTraits[type] : undefined;
}

function isGrantType(type: Json): type is GrantSpec["type"] {
  return typeof type === "string" && Object.hasOwn(grantTraits, type);
}

/** Checks what a schema cannot express about a grant. */
export function checkGrant(grant: Json | undefined, path: Path, context: CheckContext): void {
  const type = property(grant, "type");
  checkClientOrName(grant, path, context);
  const [idp, assertion] = [property(grant, "idp"), property(grant, "assertion")];
  if (idp !== undefined) checkClientOrName(idp, [...path, "idp"], context);
  if (assertion !== undefined) checkAssertion(assertion, [...path, "assertion"], context);
  if (type === "extension") checkGrantType(grant, path, context);
  checkParams(grant, path, context);
  checkTexts(grant, path, context);
  if (property(grant, "use") === "id_token") checkIdTokenAudience(grant, path, context);
}

/** Checks the values that are sent as they are written. */
function checkTexts(grant: Json | undefined, path: Path, { checkVariables }: CheckContext): void {
  checkVariables(grant, path, "resource");
  const audience = property(grant, "audience");
  if (isList(audience)) {
    for (const index of audience.keys()) checkVariables(audience, [...path, "audience"], String(index));
  } else {
    checkVariables(grant, path, "audience");
  }
}

/** Checks that the config tells for whom an ID token must be. A named client always has an id. */
function checkIdTokenAudience(grant: Json | undefined, path: Path, { report }: CheckContext): void {
  const [client, claims] = [property(grant, "client"), property(property(grant, "assertion"), "claims")];
  const isKnown =
    !isObject(client) ||
    property(client, "id") !== undefined ||
    property(grant, "audience") !== undefined ||
    hasText(property(claims, "target_audience"));
  if (!isKnown) report([...path, "use"], unknownAudience);
}

/** Whether a claim is a text, or a list with one. */
function hasText(claim: Json | undefined): boolean {
  const values: readonly Json[] = isList(claim) ? claim : claim === undefined ? [] : [claim];
  return values.some((value) => typeof value === "string");
}

const unknownAudience = {
  message: "The config does not tell for which audience the ID token must be",
  hint: "Set `audience`, or the claim `target_audience` of the `assertion` if it is signed here",
};

/** Checks the client of a grant or of an identity provider. */
function checkClientOrName(holder: Json | undefined, path: Path, context: CheckContext): void {
  context.checkName(holder, path, "client", "clients");
  checkClient(property(holder, "client"), [...path, "client"], context);
}

function checkAssertion(assertion: Json, path: Path, context: CheckContext): void {
  context.checkName(assertion, path, "key", "keys");
  checkAssertionLifetime(assertion, path, "lifetime", context);
  for (const [name] of entries(property(assertion, "claims"))) {
    if (!reservedClaims.has(name)) continue;
    const setting = reservedClaims.get(name);
    context.report([...path, "claims", name], {
      atName: true,
      message:
        name === "nbf"
          ? "The claim nbf is not sent: it fails if clocks differ, and `exp` is enough"
          : `The claim ${name} is set by this package`,
      hint: setting === undefined ? "Remove it" : `Use the property \`${setting}\` of the \`assertion\``,
    });
  }
}
