import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSecret } from "../../../src/secrets/read-secret.js";
import { temporaryFolder } from "../../support/temporary-folder.js";
import { backdate } from "./backdate.js";
import { readFailureOf } from "./read-failure-of.js";

async function pointed(document: string, pointer: string) {
  const folder = await temporaryFolder();
  const file = join(folder, "credentials.json");
  await writeFile(file, document);
  await backdate(file);
  return { file, pointer };
}

// The document of RFC 6901 §5, with strings for values.
const example = JSON.stringify({
  foo: ["bar", "baz"],
  "": "0",
  "a/b": "1",
  "c%d": "2",
  "e^f": "3",
  "g|h": "4",
  "i\\j": "5",
  'k"l': "6",
  " ": "7",
  "m~n": "8",
  "~1": "9",
  nested: { "0": { list: [{ value: "deep" }] } },
});

describe("a JSON pointer", () => {
  it.each([
    ["/foo/0", "bar"],
    ["/foo/1", "baz"],
    ["/", "0"],
    ["/a~1b", "1"],
    ["/c%d", "2"],
    ["/e^f", "3"],
    ["/g|h", "4"],
    ["/i\\j", "5"],
    ['/k"l', "6"],
    ["/ ", "7"],
    ["/m~0n", "8"],
    ["/~01", "9"],
    ["/nested/0/list/0/value", "deep"],
  ])("%s refers to the value that RFC 6901 says", async (pointer, expected) => {
    const secret = await readSecret(await pointed(example, pointer), { server: "crm", env: {} });
    expect(secret.reveal()).toBe(expected);
  });

  it("that is empty refers to the document itself", async () => {
    const secret = await readSecret(await pointed('"all"', ""), { server: "crm", env: {} });
    expect(secret.reveal()).toBe("all");
  });

  it("works in a document with a byte order mark", async () => {
    const secret = await readSecret(await pointed('\u{feff}{"a":"x\\n"}\n', "/a"), {
      server: "crm",
      env: {},
    });
    expect(secret.reveal()).toBe("x");
  });

  it("a pointer leads into a variable with the credentials of a platform, which are read again each time", async () => {
    const credentials = (clientsecret: string) =>
      JSON.stringify({ xsuaa: [{ credentials: { clientid: "sb-crm", clientsecret } }] });
    const env = { VCAP_SERVICES: credentials("first") };
    const reference = { env: "VCAP_SERVICES", pointer: "/xsuaa/0/credentials/clientsecret" };
    expect((await readSecret(reference, { server: "crm", env })).reveal()).toBe("first");
    env.VCAP_SERVICES = credentials("second\n");
    expect((await readSecret(reference, { server: "crm", env })).reveal()).toBe("second");
  });

  it.each([
    ["canary", 'it is not JSON, which a "pointer" needs.'],
    ['{"other":"canary"}', 'it has nothing at the "pointer" "/secret".'],
    ['{"secret":{"of":"canary"}}', 'the value at the "pointer" "/secret" is not a string.'],
    [
      '{"secret":"","other":"canary"}',
      "it is empty. Provide the secret there, or name another place in the config.",
    ],
  ])("the variable %j is an error with the reason, without the value", async (document, problem) => {
    const reference = { env: "VCAP_SERVICES", pointer: "/secret" };
    const error = await readFailureOf(reference, { env: { VCAP_SERVICES: document } });
    expect(error).toMatchObject({ code: "secret_unavailable", retryable: false });
    expect(error.message).toBe(
      `Server "crm": could not read the secret from the environment variable "VCAP_SERVICES": ${problem}`,
    );
  });

  it("an empty variable is explained without its pointer", async () => {
    const reference = { env: "VCAP_SERVICES", pointer: "/secret" };
    const error = await readFailureOf(reference, { env: { VCAP_SERVICES: "" } });
    expect(error.message).toBe('Server "crm": VCAP_SERVICES is set, but empty. Give it a value.');
  });

  it.each<[string, string, string]>([
    ["canary", "/a", 'it is not JSON, which a "pointer" needs.'],
    ['{"a":"canary"', "/a", 'it is not JSON, which a "pointer" needs.'],
    ['{"a":"canary"}', "/b", 'it has nothing at the "pointer" "/b".'],
    ['{"a":"canary"}', "/a/b", 'it has nothing at the "pointer" "/a/b".'],
    ['{"a":"canary"}', "/constructor", 'it has nothing at the "pointer" "/constructor".'],
    ['{"a":"canary"}', "/a/length", 'it has nothing at the "pointer" "/a/length".'],
    ['["canary"]', "/1", 'it has nothing at the "pointer" "/1".'],
    ['["canary"]', "/00", 'it has nothing at the "pointer" "/00".'],
    ['["canary"]', "/-", 'it has nothing at the "pointer" "/-".'],
    ['["canary"]', "/length", 'it has nothing at the "pointer" "/length".'],
    ['{"canary":{"a":1}}', "", 'the value at the "pointer" "" is not a string.'],
    ['{"a":12345}', "/a", 'the value at the "pointer" "/a" is not a string.'],
    ['{"a":null}', "/a", 'the value at the "pointer" "/a" is not a string.'],
    ['{"a":["canary"]}', "/a", 'the value at the "pointer" "/a" is not a string.'],
    ['{"a":""}', "/a", "it is empty. Provide the secret there, or name another place in the config."],
  ])("in %s: %s is an error with the reason, without the value", async (document, pointer, problem) => {
    const reference = await pointed(document, pointer);
    const error = await readFailureOf(reference, { env: {} });
    expect(error).toMatchObject({ code: "secret_unavailable", retryable: false });
    expect(error.message).toBe(
      `Server "crm": could not read the secret from the file ${JSON.stringify(reference.file)}: ${problem}`,
    );
  });
});
