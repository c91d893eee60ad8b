import { expect, test } from "vitest";
import { withoutCredentials } from "../../../../src/errors/sent-credentials.js";
import { rememberSent } from "../../../../src/oauth/token-endpoint/remember-sent.js";

const credential = "a-credential-that-a-server-may-quote";

test.each([
  ...["client_secret", "client_assertion", "assertion", "subject_token", "actor_token"],
  ...["refresh_token", "token", "password", "code", "code_verifier"],
])("a server cannot make an error quote the form field %s", (field) => {
  rememberSent(new Headers(), new URLSearchParams([[field, credential]]));
  expect(withoutCredentials(`"${credential}" is wrong`)).toBe('"<secret>" is wrong');
});

test.each([
  ["Authorization", `Basic ${credential}`],
  ["DPoP", credential],
])("a server cannot make an error quote the header %s", (name, value) => {
  rememberSent(new Headers({ [name]: value }), new URLSearchParams());
  expect(withoutCredentials(`"${value}" is wrong`)).toMatch(/^"(Basic )?<secret>" is wrong$/);
});

test("an error can quote a form field that holds no credential", () => {
  rememberSent(new Headers(), new URLSearchParams({ scope: "invoices:read", client_id: "agent-client" }));
  const text = "agent-client must not request invoices:read";
  expect(withoutCredentials(text)).toBe(text);
});
