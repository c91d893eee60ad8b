import type { SecretReference } from "../config/spec.js";
import type { Secret } from "../lib/secret.js";
import type { SecretContext } from "./secret-context.js";

/**
 * Knows, by their hashes, the secrets that the last request of one manager was made with, and so whether another request
 * would be made with others.
 */
export class CredentialWatch {
  /**
   * Notes what a reference gave, `undefined` for nothing. True when it gave something else the last time; not when it is
   * read for the first time.
   */
  note(_reference: SecretReference, _value: Secret | undefined): boolean {
    return false;
  }

  /**
   * Whether anything noted gives something else now, as far as that can be told without cost: variables and files are
   * looked at, commands and functions are not run. Never rejects.
   */
  changed(_context: SecretContext): Promise<boolean> {
    return Promise.resolve(false);
  }
}
