import { expect, test } from "vitest";
import { closestServer } from "../../../src/http/closest-server.js";
import { isWithinReach } from "../../../src/http/reach.js";

const server = new URL("https://mcp.example/mcp");
const isWithinPath = (path: string) => isWithinReach(new URL(`https://mcp.example${path}`), server, "path");

test.each([
  ["an encoded slash or backslash", ["..%2f", "..%2F", "x%2f..", "..%5c", "x%5cy", "%2e%2e%2f"]],
  ["encoded dots", ["%2e%2e;", "%2e.;x", ".%2e;x", "x/.%2e;/y", ".;x"]],
  [
    "several layers of encoding",
    ["%252e%252e/x", "..%252f", "%25252e%25252e", "%%32%65%%32%65/", "..%25%32%66"],
  ],
  ["more layers of encoding than are decoded", ["%2525252525252e%2525252525252e"]],
  [
    "a character that ends a string or a line",
    ["..%00", "..%00/x", "x%00", "..%0a", "..%0d%0a", "..%09", "..%7f", "..%c2%85"],
  ],
  [
    "a character that ends a segment",
    ["..;", "..;a=b/", "..%3b", "..%3fx", "..%23x", "..%3fa=b", "..::$INDEX_ALLOCATION/"],
  ],
  [
    "characters that Windows drops at the end of a name",
    ["..%20/x", ".../x", "..%20.", "%20../x", "..%c2%a0/"],
  ],
  [
    "overlong UTF-8",
    [
      ...["..%c0%af", "%c0%ae%c0%ae/", "..%c1%9c", "..%e0%80%af", "%e0%80%ae%e0%80%ae/", "..%f0%80%80%af"],
      ...["..%f8%80%80%80%af", "..%fc%80%80%80%80%af", "..%25c0%25af", "..%c0%2f"],
    ],
  ],
  [
    "other forms of dots and slashes",
    [
      ...[
        "..%ef%bc%8fx",
        "%ef%bc%8e%ef%bc%8e/x",
        "%ef%bc%8e./x",
        "..%ef%bc%bcx",
        "%e2%80%a5/x",
        "%e2%80%a4%e2%80%a4/",
      ],
      ...[
        "..%e2%88%95x",
        "..%e2%81%84x",
        "%e3%80%82%e3%80%82/",
        "%ef%bd%a1./",
        "..%c2%a5x",
        "%ef%b9%92%ef%b9%92/",
      ],
      ...[".%e2%80%8b./x", ".%c2%ad./x", "..%ef%bc%9b/x", "%ef%bc%852e%ef%bc%852e/x"],
    ],
  ],
  [
    "the %u encoding of old servers",
    ["%u002e%u002e/x", "..%u002fx", "..%u2215x", "%uff0e%uff0e/x", "..%25u002f", "..%u005cx"],
  ],
  ["characters whose lower byte is a dot or a slash", ["%ef%bc%ae%ef%bc%ae/x", "..%e4%b8%afx"]],
])('a path that a server may resolve to a place above is outside of reach "path": %s', (_, paths) => {
  for (const path of paths) {
    expect(isWithinPath(`/mcp/${path}`), path).toBe(false);
    expect(isWithinPath(`/mcp/a/b/${path}`), path).toBe(false);
    expect(closestServer(new URL(`https://mcp.example/mcp/${path}`), [{ address: server }]), path).toBe(
      undefined,
    );
  }
});

test.each([
  ["an ordinary name", ["", "sub/", "sub%20folder", "~x", "a//b", "a:b", "urn:x:y", "tom%20&%20jerry"]],
  ["an encoded slash without dots", ["a%2fb", "a%2Fb/c"]],
  ["dots that are part of a name", ["v1..v2", "..data", "file..", "a...b", "x;v=1..2", "to%20be%20...%20or"]],
  ["an encoded percent or equals sign", ["100%25", "a%25b", "%2525", "x=%3D"]],
  [
    "characters other than ASCII",
    [
      ...["caf%C3%A9", "%F0%9F%98%80", "50%C2%BD", "wait%E2%80%A6"],
      ...["%E7%AC%AC1%E7%AB%A0", "%C2%B5.txt", "%e4%b8%af"],
    ],
  ],
])('a path that no server resolves to a place above is within reach "path": %s', (_, paths) => {
  for (const path of paths) {
    expect(isWithinPath(`/mcp/${path}`), path).toBe(true);
    expect(
      closestServer(new URL(`https://mcp.example/mcp/${path}`), [{ address: server }]),
      path,
    ).toBeDefined();
  }
});

test("the path of the server itself is not checked", () => {
  for (const path of ["/caf%E9", "/a%5cb", "/x;..;", "/%c0%af"]) {
    const itself = new URL(`https://mcp.example${path}`);
    expect(isWithinReach(itself, itself, "path"), path).toBe(true);
    expect(isWithinReach(new URL(`${itself.href}/sub`), itself, "path"), path).toBe(true);
    expect(isWithinReach(new URL(`${itself.href}/..%2f`), itself, "path"), path).toBe(false);
  }
});
