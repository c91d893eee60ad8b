import { expect, it } from "vitest";
import type { SecretReference } from "../../../src/config/spec.js";
import { describeReference } from "../../../src/secrets/reference.js";

it.each<[SecretReference, string]>([
  [{ env: "CRM_SECRET" }, 'the environment variable "CRM_SECRET"'],
  [{ file: "/run/secrets/crm", pointer: "/a" }, 'the file "/run/secrets/crm"'],
  [{ file: "/a\nb" }, 'the file "/a\\nb"'],
  // The arguments of a command may contain a secret.
  [{ exec: ["vault", "-token=canary"], cwd: "/", timeout: 1 }, 'the command "vault"'],
  [{ githubActions: { audience: "https://auth.example" } }, "the ID token of a GitHub Actions job"],
  [{ githubActions: {} }, "the ID token of a GitHub Actions job"],
  [{ gcp: { audience: "canary" } }, "the identity of this machine in Google Cloud"],
  [{ azure: { resource: "canary" } }, "the identity of this machine in Azure"],
  [{ aws: { audience: "canary" } }, "the identity of this machine in AWS"],
  [{ resolver: "aws", ref: "prod/crm" }, 'the resolver "aws"'],
])("the reference %j is named in a message", (reference, expected) => {
  expect(describeReference(reference)).toBe(expected);
});
