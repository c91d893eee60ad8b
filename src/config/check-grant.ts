import { parseDuration } from "../lib/duration.js";
import { checkClient } from "./check-client.js";
import { type CheckContext, entries } from "./check-context.js";
import { reservedClaims, reservedParams } from "./reserved.js";
import { type Json, type Path, property } from "./source-document.js";

const longestAssertion = 3_600_000;

/** What a schema cannot say of a grant. */
export function checkGrant(grant: Json | undefined, path: Path, context: CheckContext): void {
  checkUsedClient(property(grant, "client"), [...path, "client"], context);
  checkUsedClient(property(property(grant, "idp"), "client"), [...path, "idp", "client"], context);
  checkAssertion(property(grant, "assertion"), [...path, "assertion"], context);
  for (const [name] of entries(property(grant, "params"))) {
    if (!reservedParams.has(name)) continue;
    const field = reservedParams.get(name);
    context.report([...path, "params", name], {
      atName: true,
      message: `The parameter ${name} is not one for \`params\``,
      hint: field === undefined ? "No grant here has a use for it" : `What it is comes from the ${field}`,
    });
  }
}

function checkUsedClient(client: Json | undefined, path: Path, context: CheckContext): void {
  context.name(client, path, "clients");
  checkClient(client, path, context);
}

function checkAssertion(assertion: Json | undefined, path: Path, context: CheckContext): void {
  context.name(property(assertion, "key"), [...path, "key"], "keys");
  const lifetime = context.text(property(assertion, "lifetime"), [...path, "lifetime"]);
  if (lifetime !== undefined && (parseDuration(lifetime) ?? 0) > longestAssertion) {
    context.report([...path, "lifetime"], { message: "An assertion is valid for one hour at most, 1h" });
  }
  for (const [name] of entries(property(assertion, "claims"))) {
    if (!reservedClaims.has(name)) continue;
    const field = reservedClaims.get(name);
    context.report([...path, "claims", name], {
      atName: true,
      message:
        name === "nbf"
          ? "The claim nbf is not sent: it fails where clocks differ, and `exp` is enough"
          : `The claim ${name} is set by this package`,
      hint: field === undefined ? "Remove it" : `Use the field \`${field}\` of the \`assertion\``,
    });
  }
}
