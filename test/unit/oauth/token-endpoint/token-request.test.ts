import { describe, expect, it } from "vitest";
import { type TokenParameters, tokenForm } from "../../../../src/oauth/token-endpoint/token-request.js";

describe("the body of a token request", () => {
  const plain: TokenParameters = { grantType: "client_credentials", scopes: [], fields: [] };

  it.each<[string, Partial<TokenParameters>, string]>([
    ["only the grant type", {}, "grant_type=client_credentials"],
    ["scopes, joined by spaces", { scopes: ["a:b", "c"] }, "grant_type=client_credentials&scope=a%3Ab+c"],
    [
      "fields in order, with repeated names",
      {
        fields: [
          ["resource", "https://mcp.example"],
          ["audience", "one"],
          ["audience", "two & three"],
        ],
      },
      "grant_type=client_credentials&resource=https%3A%2F%2Fmcp.example&audience=one&audience=two+%26+three",
    ],
    [
      "other characters than ASCII in UTF-8",
      { fields: [["audience", "Zürich +%"]] },
      "grant_type=client_credentials&audience=Z%C3%BCrich+%2B%25",
    ],
    [
      "params last",
      {
        scopes: ["a"],
        fields: [["audience", "one"]],
        params: [
          ["x", ""],
          ["tenant", "7"],
        ],
      },
      "grant_type=client_credentials&scope=a&audience=one&x=&tenant=7",
    ],
  ])("has %s", (_, parameters, body) => {
    expect(tokenForm({ ...plain, ...parameters }).toString()).toBe(body);
  });

  it.each([
    "grant_type",
    "scope",
    "assertion",
    "resource",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
  ])("never has a param instead of %s", (name) => {
    const parameters: TokenParameters = {
      grantType: "client_credentials",
      scopes: ["a"],
      fields: [
        ["assertion", "ours"],
        ["resource", "https://mcp.example"],
      ],
    };
    const form = tokenForm({ ...parameters, params: [[name, "theirs"]] });
    expect(form.toString()).toBe(tokenForm(parameters).toString());
  });
});
