import { describe, expect, it } from "vitest";
import { McpAuthError } from "../../../src/errors/error.js";
import { readHeader } from "../../../src/secrets/read-header.js";

const read = (value: string) => readHeader({ env: "KEY" }, { server: "crm", env: { KEY: value } });

describe("a secret for a header", () => {
  it.each(["key", "Basic a: b\tc", "ä"])("is returned unchanged: %j", async (value) => {
    expect((await read(value)).reveal()).toBe(value);
    expect(new Headers({ key: value }).get("key")).toBe(value);
  });

  it.each(["canary\nx", "canary\r\n x", "canary\0", "canary €", "canary\u007f"])(
    "with characters that no header allows is an error that does not show it: %j",
    async (value) => {
      const error: unknown = await read(value).catch((thrown: unknown) => thrown);
      if (!(error instanceof McpAuthError)) throw new Error("expected a McpAuthError");
      expect(error.code).toBe("secret_unavailable");
      expect(error.message).toBe(
        'Server "crm": could not read the secret from the environment variable "KEY": ' +
          "its value cannot be sent in a header, which is one line of Latin-1 text.",
      );
    },
  );
});
