import type { RetrySpec } from "./renewal-spec.js";

/** The values of properties that the config does not set. Durations are in milliseconds. */
export const defaults = {
  grantType: "client_credentials",
  timeout: 10_000,
  deadline: 30_000,
  retry: { attempts: 4, min: 250, max: 10_000 } satisfies RetrySpec,
  reach: "origin",
  timezone: "UTC",
  jitter: 0.2,
  idle: 30 * 60_000,
  assumedLifetime: 5 * 60_000,
  execTimeout: 10_000,
  store: { type: "memory" },
  lease: 10_000,
  prefix: "mcp-auth:",
  signatureFormat: "raw",
  subjectType: "access_token",
  idpSubjectType: "id_token",
  assertionAudience: "issuer",
  assertionLifetime: 5 * 60_000,
} as const;
