// Prints the access token of the server `crm`, or the error without it, as JSON.
import { createMcpAuth } from "mcp-auth-runtime";

const auth = await createMcpAuth();
try {
  console.log(JSON.stringify({ token: await auth.resolve("crm").getAccessToken() }));
} catch ({ code, retryable, message }) {
  console.log(JSON.stringify({ code, retryable, message }));
}
