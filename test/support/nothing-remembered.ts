// Tests that share a process do not find each other's credentials in what servers say.
import { beforeEach } from "vitest";
import { forgetCredentials } from "../../src/errors/sent-credentials.js";

beforeEach(forgetCredentials);
