import { expect, test } from "vitest";
import { findingText } from "../../../src/diagnosis/finding.js";
import { redirectFinding } from "../../../src/diagnosis/redirect.js";

const server = new URL("https://x.example/mcp");

test.each([
  [
    "http://x.example/mcp/",
    "redirect_to_http_slash",
    'It redirects to http://x.example/mcp/, the same URL with http in place of https and with a slash at the end. Write the "url" of the server in the config with the slash: https://x.example/mcp/.',
  ],
  [
    "http://x.example/mcp",
    "redirect_to_http",
    "It redirects to http://x.example/mcp, the same URL with http in place of https. The server does not know that a proxy in front of it adds TLS. Have its operator set its public URL, or pass on X-Forwarded-Proto.",
  ],
  [
    "https://x.example/mcp/",
    "redirect_slash",
    'Write the "url" of the server in the config with the slash: https://x.example/mcp/.',
  ],
  ["https://x.example/canary", "redirect_outside_path", 'set "reach" of the server to "origin"'],
  [
    "https://canary.example/login?next=/mcp",
    "redirect_to_login",
    "a gateway in front of it asks people to sign in",
  ],
  [
    "https://canary.cloudflareaccess.com/cdn-cgi/access/login/x",
    "redirect_to_login",
    'name it in the "headers" of the server',
  ],
  ["https://canary.example/oauth2/v2.0/authorize?client_id=1", "redirect_to_login", "login page"],
  ["https://www.x.example/mcp", "redirect_www", 'It redirects to the same host with "www.".'],
  ["https://canary.example/mcp", "redirect_to_other_host", "so the server may have moved"],
  ["https://x.example:8443/mcp", "redirect_elsewhere", "another port or scheme"],
  ["ftp://x.example/mcp", "redirect_elsewhere", "another port or scheme"],
])("a redirect from https://x.example/mcp to %s is explained", (target, id, says) => {
  const finding = redirectFinding({ from: server, target: new URL(target), server });
  expect(finding.id).toBe(id);
  expect(findingText(finding)).toContain(says);
  expect(findingText(finding)).not.toContain("canary");
});

test("a redirect to https says to write the URL with https", () => {
  const mesh = new URL("http://x.mesh/mcp");
  const finding = redirectFinding({ from: mesh, target: new URL("https://x.mesh/mcp"), server: mesh });
  expect(finding).toMatchObject({ id: "redirect_to_https" });
  expect(findingText(finding)).toContain(
    'Write the "url" of the server in the config with https: https://x.mesh/mcp.',
  );
});

test("a redirect of a URL that is not in the config is explained without showing its target", () => {
  const from = new URL("https://x.example/mcp/canary");
  const finding = redirectFinding({ from, target: new URL("http://x.example/mcp/canary/"), server });
  expect(findingText(finding)).toBe(
    "It redirects to the same URL with http in place of https and with a slash at the end. Write the URL with the slash.",
  );
  const secret = new URL("https://x.example/mcp?key=canary");
  const withQuery = redirectFinding({
    from: secret,
    target: new URL("http://x.example/mcp/?key=canary"),
    server: secret,
  });
  expect(withQuery.id).toBe("redirect_to_http_slash");
  expect(findingText(withQuery)).not.toContain("canary");
});
