/** Returns the names of the CRM's tools. The agent works without them while the CRM cannot be reached. */
export async function listTools(auth) {
  const crm = auth.resolve("crm");
  try {
    const response = await crm.fetch(crm.url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
    });
    const { result } = await response.json();
    return result.tools.map(({ name }) => name);
  } catch (error) {
    if (error.retryable) return [];
    throw error;
  }
}
