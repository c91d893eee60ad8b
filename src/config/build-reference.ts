import { resolve } from "node:path";
import { parseDuration } from "../lib/duration.js";
import { defaults } from "./defaults.js";
import type { SecretReference as ReferenceConfig } from "./exclusive-types.js";
import type { SecretReference } from "./spec.js";

/** The reference as the runtime uses it. `folder` is what its path is relative to and its command runs in. */
export function buildReference(reference: ReferenceConfig, folder: string): SecretReference {
  if (reference.env !== undefined) return { env: reference.env };
  if (reference.githubActions !== undefined) {
    const { audience } = reference.githubActions;
    return { githubActions: audience === undefined ? {} : { audience } };
  }
  const pointer = reference.pointer === undefined ? {} : { pointer: reference.pointer };
  if (reference.file !== undefined) return { file: absolute(reference.file, folder), ...pointer };
  if (reference.resolver !== undefined) {
    return { resolver: reference.resolver, ref: reference.ref, ...pointer };
  }
  const { exec, timeout } = reference;
  return { exec: [...exec], cwd: folder, timeout: duration(timeout) ?? defaults.execTimeout, ...pointer };
}

/** Headers and parameters: what is no reference stays as it is. */
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
  // An absolute path, too, is rid of `..`: behind a link the system would go another way than the text says.
  return resolve(folder, path);
}

/** Milliseconds. */
export function duration(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration(text);
}
