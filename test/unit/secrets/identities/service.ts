// A stand-in for the services of a platform, for the tests of this folder.
import { onTestFinished } from "vitest";
import type { SecretReference } from "../../../../src/config/spec.js";
import { readSecret } from "../../../../src/secrets/read-secret.js";
import { type Handler, type HttpServer, startHttpServer } from "../../../support/http-server.js";
import { unsignedJwt } from "../../oauth/fixtures.js";

/** Starts a service on 127.0.0.1 and closes it when the test ends. */
export async function startService(handler: Handler): Promise<HttpServer> {
  const server = await startHttpServer(handler);
  onTestFinished(() => server.close());
  return server;
}

/** The fields of a context that reads platform identities, for the server `crm`. */
export function reading(env: Readonly<Record<string, string>>) {
  return { env, fetch, fetchDirect: fetch };
}

export async function readToken(
  reference: SecretReference,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  return (await readSecret(reference, { server: "crm", ...reading(env) })).reveal();
}

/** A token with a marker that no error may show. */
export function tokenFor(audience: unknown): string {
  return unsignedJwt({ aud: audience, note: "canary" });
}
