import { resolve } from "node:path";
import { parseDuration } from "../lib/duration.js";
import { unreachable } from "../lib/unreachable.js";
import { defaults } from "./defaults.js";
import type { SecretReference as ReferenceConfig } from "./exclusive-types.js";
import type { SecretReference } from "./spec.js";

/** Builds the runtime's form of a secret reference. A path is relative to `folder`, and a command runs there. */
export function buildReference(reference: ReferenceConfig, folder: string): SecretReference {
  const pointer = reference.pointer === undefined ? {} : { pointer: reference.pointer };
  if (reference.env !== undefined) return { env: reference.env, ...pointer };
  if (reference.file !== undefined) return { file: absolute(reference.file, folder), ...pointer };
  if (reference.exec !== undefined) {
    const timeout = duration(reference.timeout) ?? defaults.execTimeout;
    return { exec: [...reference.exec], cwd: folder, timeout, ...pointer };
  }
  if (reference.githubActions !== undefined) {
    const { audience } = reference.githubActions;
    return { githubActions: audience === undefined ? {} : { audience } };
  }
  if (reference.gcp !== undefined) return { gcp: { audience: reference.gcp.audience } };
  if (reference.azure !== undefined) {
    const { resource, clientId } = reference.azure;
    return { azure: clientId === undefined ? { resource } : { resource, clientId } };
  }
  if (reference.aws !== undefined) return { aws: { audience: reference.aws.audience } };
  if (reference.resolver !== undefined) {
    return { resolver: reference.resolver, ref: reference.ref, ...pointer };
  }
  return unreachable(reference);
}

/** Builds the runtime's form of headers or parameters. A value is text or a secret reference. */
export function buildValues(
  values: Readonly<Record<string, string | ReferenceConfig>>,
  folder: string,
): Record<string, string | SecretReference> {
  const built = Object.entries(values).map(([name, value]) => {
    return [name, typeof value === "string" ? value : buildReference(value, folder)] as const;
  });
  return Object.fromEntries(built);
}

export function absolute(path: string, folder: string): string {
  // `resolve` also removes `..` from an absolute path. The system would resolve `..` after a link to another folder.
  return resolve(folder, path);
}

/** Parses a duration, such as `10s`, to milliseconds. */
export function duration(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration(text);
}
