// The package remembers credentials so that it can redact them. Tests that share a process must not redact each
// other's.
import { beforeEach } from "vitest";
import { forgetCredentials } from "../../src/errors/sent-credentials.js";

beforeEach(forgetCredentials);
