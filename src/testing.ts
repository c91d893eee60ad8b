/// <reference lib="esnext.disposable" preserve="true" />
import "./lib/check-node.js";

export type { MemoryStoreOptions } from "./stores/memory.js";
export { createMemoryStore, MemoryData } from "./stores/memory.js";
export type {
  TestAuthorizationServer,
  TestAuthorizationServerOptions,
  TestClient,
  TestFailure,
  TestIssuer,
  TestJwks,
  TestTokenClaims,
  TestTokenRequest,
} from "./testing/authorization-server/public-types.js";
export { testAuthorizationServer } from "./testing/authorization-server/test-authorization-server.js";
export type { FakeFailure } from "./testing/fake/fake-failures.js";
export type { FakeMcpAuth } from "./testing/fake/fake-mcp-auth.js";
export { fakeMcpAuth } from "./testing/fake/fake-mcp-auth.js";
export type { FakeMcpAuthOptions } from "./testing/fake/fake-options.js";
export type { FakeServerOptions, FakeTokenRequest } from "./testing/fake/fake-server.js";
export type { FakeControls, FakeTokenManager } from "./testing/fake/fake-token-manager.js";
export type { StoreRequirement, StoreUnderTest } from "./testing/store-contract.js";
export { storeContract } from "./testing/store-contract.js";
