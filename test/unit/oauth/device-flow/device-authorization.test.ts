import { expect, test } from "vitest";
import { McpAuthError } from "../../../../src/errors/error.js";
import { readDeviceAuthorization } from "../../../../src/oauth/device-flow/device-authorization.js";

const issuer = "https://auth.example";
const valid = {
  device_code: "d3v1ce-code-of-the-test",
  user_code: "WDJB-MJHT",
  verification_uri: "https://auth.example/device",
  expires_in: 900,
};

function read(members: object, { configured = [issuer], insecureHosts = [] as readonly string[] } = {}) {
  return readDeviceAuthorization(
    JSON.stringify({ ...valid, ...members }),
    { server: "crm", name: `the device authorization endpoint of ${issuer}` },
    { server: "crm", configured, insecureHosts },
  );
}

function refusal(members: object, rules: Parameters<typeof read>[1] = {}): McpAuthError {
  try {
    read(members, rules);
  } catch (error) {
    if (error instanceof McpAuthError) return error;
    throw error;
  }
  throw new Error("It was accepted.");
}

test("a device authorization has the code, the page, and times in milliseconds", () => {
  expect(read({ interval: 7, verification_uri_complete: "https://auth.example/device?c=1" })).toMatchObject({
    userCode: "WDJB-MJHT",
    verificationUri: "https://auth.example/device",
    verificationUriComplete: "https://auth.example/device?c=1",
    expiresIn: 900_000,
    interval: 7_000,
  });
});

test("the device code is a secret in every output", () => {
  expect(JSON.stringify(read({}))).not.toContain("d3v1ce");
});

test.each([
  [{}, 5_000],
  [{ interval: "3" }, 3_000],
  [{ interval: 0 }, 5_000],
  [{ interval: 0.001 }, 1_000],
  [{ interval: "soon" }, 5_000],
])("the interval of %j is %i ms", (members, interval) => {
  expect(read(members).interval).toBe(interval);
});

test("Google's name of the page is accepted", () => {
  const google = { verification_uri: undefined, verification_url: "https://www.google.com/device" };
  expect(read(google).verificationUri).toBe("https://www.google.com/device");
});

test("an international page is shown as punycode, and everything else beyond ASCII is percent-encoded", () => {
  expect(read({ verification_uri: "https://аuth.example/gerät" }).verificationUri).toBe(
    "https://xn--uth-5cd.example/ger%C3%A4t",
  );
});

test.each([
  ["javascript:alert(1)", "insecure_url"],
  ["data:text/html,x", "insecure_url"],
  ["file:///etc/passwd", "insecure_url"],
  ["http://auth.example/device", "insecure_url"],
  ["http://127.0.0.1:8080/device", "insecure_url"],
  ["https://auth.example@evil.example/device", "insecure_url"],
  ["https://user:password@auth.example/device", "insecure_url"],
  ["https://10.0.0.1/device", "insecure_url"],
  ["https://localhost/device", "insecure_url"],
  ["//auth.example/device", "insecure_url"],
  ["device", "insecure_url"],
  ["https://auth.example/\u001b]8;;https://evil.example\u0007device", "token_response_invalid"],
  ["https://auth.example/device\r\n::add-mask::x", "token_response_invalid"],
  ["https://auth.example/\u202edevice", "token_response_invalid"],
  ["https://auth.example/ device", "token_response_invalid"],
  [`https://auth.example/${"x".repeat(3_000)}`, "token_response_invalid"],
  ["", "token_response_invalid"],
  [["https://auth.example/device"], "token_response_invalid"],
  [null, "token_response_invalid"],
])("nobody is sent to the page %j", (verification_uri, code) => {
  const error = refusal({ verification_uri });
  expect(error.code).toBe(code);
  expect(error.message).not.toContain("evil");
});

test("a page on this machine is shown if the issuer is on it too, and one in a mesh if the config names its host", () => {
  const local = "http://127.0.0.1:8080";
  const page = `${local}/device`;
  expect(read({ verification_uri: page }, { configured: [local] }).verificationUri).toBe(page);
  const inMesh = "http://auth.mesh/device";
  const rules = { insecureHosts: ["auth.mesh"] };
  expect(read({ verification_uri: inMesh }, rules).verificationUri).toBe(inMesh);
});

test.each([
  { user_code: valid.device_code },
  { verification_uri: `https://auth.example/device?code=${valid.device_code}` },
  { verification_url: `https://auth.example/${valid.device_code}`, verification_uri: undefined },
])("a response whose %j would show the device code cannot be used", (members) => {
  const error = refusal(members);
  expect(error.code).toBe("token_response_invalid");
  expect(JSON.stringify([error, error.details])).not.toContain(valid.device_code);
});

test("a complete page with the device code in it is left out", () => {
  const verification_uri_complete = `https://auth.example/device?code=${valid.device_code}`;
  expect(read({ verification_uri_complete }).verificationUriComplete).toBe(undefined);
});

test("a complete page that must not be shown is left out", () => {
  expect(read({ verification_uri_complete: "javascript:alert(1)" }).verificationUriComplete).toBe(undefined);
});

test.each([
  [{ device_code: undefined }, 'it has no "device_code"'],
  [{ device_code: 5 }, 'it has no "device_code"'],
  [{ user_code: "" }, 'it has no "user_code"'],
  [{ user_code: "x".repeat(65) }, 'its "user_code" is too long'],
  [{ verification_uri: undefined }, 'it has no "verification_uri"'],
])("a response with %j cannot be used", (members, problem) => {
  const error = refusal(members);
  expect([error.code, error.message]).toEqual(["token_response_invalid", expect.stringContaining(problem)]);
});

test("a response that is not JSON cannot be used", () => {
  const rules = { server: "crm", configured: [issuer] };
  expect(() => readDeviceAuthorization("<html>", { server: "crm", name: "it" }, rules)).toThrow(
    "it is not a JSON object",
  );
});
