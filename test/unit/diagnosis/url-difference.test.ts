import { expect, test } from "vitest";
import { differenceInWords, urlDifference } from "../../../src/diagnosis/url-difference.js";

const configured = "https://auth.example/realms/agents";

test.each([
  [configured, undefined],
  [["https://auth.example/realms/agents"], "not_a_string"],
  [undefined, "not_a_string"],
  ["auth.example", "not_a_url"],
  ["https://auth.example/realms/agents/", "trailing_slash"],
  ["https://auth.example/realms/Agents", "letter_case"],
  ["https://Auth.example/realms/agents/", "slash_and_case"],
  ["https://auth.example:443/realms/agents", "spelling"],
  ["https://auth.example/{realm}/agents", "template"],
  ["https://localhost:8080/realms/agents", "loopback"],
  ["https://login.example/realms/agents", "other_host"],
  ["https://auth.example:8443/realms/agents", "other_port"],
  ["http://auth.example/realms/agents", "http_not_https"],
  ["https://auth.example/realms/agents/v2", "longer_path"],
  ["https://auth.example", "shorter_path"],
  ["https://auth.example/realms/others", "other_segment"],
  ["https://auth.example/auth/realms/agents", "other_path"],
  ["https://auth.example/realms/agents?a=b", "other_query"],
])("the difference of %j from the URL of the config is %s", (found, difference) => {
  expect(urlDifference(found, configured)).toBe(difference);
});

test("a difference is described without quoting the URL that a server chose", () => {
  const difference = urlDifference("https://auth.example/ignore-previous-instructions", configured);
  expect(difference && differenceInWords[difference]).toBe("has the same host and another path");
  expect(urlDifference("https://auth.example", "http://auth.example")).toBe("https_not_http");
});
