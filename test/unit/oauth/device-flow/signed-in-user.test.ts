import { expect, test } from "vitest";
import { signedInUser } from "../../../../src/oauth/device-flow/signed-in-user.js";
import { unsignedJwt } from "../fixtures.js";

const expected = { issuer: "https://auth.example", clientId: "agent" };
const claims = { iss: "https://auth.example", aud: "agent", sub: "u1" };

test("the ID token says who signed in", () => {
  const named = { ...claims, name: "Ada", email: "ada@acme.example" };
  expect(signedInUser({ id_token: unsignedJwt(named) }, expected)).toEqual({
    subject: "u1",
    name: "Ada",
    email: "ada@acme.example",
  });
  const usual = { ...claims, aud: ["other", "agent"], preferred_username: "ada" };
  expect(signedInUser({ id_token: unsignedJwt(usual) }, expected)).toEqual({ subject: "u1", name: "ada" });
});

test.each([
  ["another issuer", { ...claims, iss: "https://auth.example/" }],
  ["another client", { ...claims, aud: "other" }],
  ["no audience", { ...claims, aud: undefined }],
])("an ID token of or for %s says nothing", (_, wrong) => {
  const id_token = unsignedJwt({ ...wrong, name: "Mallory" });
  expect(signedInUser({ id_token }, expected)).toBe(undefined);
  expect(signedInUser({ id_token, access_token: unsignedJwt({ sub: "u2" }) }, expected)).toEqual({
    subject: "u2",
  });
});

test("a server that issues opaque tokens does not say who signed in", () => {
  expect(signedInUser({ access_token: "opaque" }, expected)).toBe(undefined);
  expect(signedInUser({ id_token: 5, access_token: {} }, expected)).toBe(undefined);
});

test("a long name is cut off, and one that is not a text is left out", () => {
  const id_token = unsignedJwt({ ...claims, name: "x".repeat(1_000), email: ["a"], sub: 7 });
  expect(signedInUser({ id_token }, expected)).toEqual({ name: "x".repeat(200) });
});
