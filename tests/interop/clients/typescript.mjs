// A client on the TypeScript SDK: calls what it reads from standard input, one JSON line a call, and passes the
// server's questions on. Usage: node typescript.mjs MODULES EDITION stdio|http WHERE
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [modules, edition, transportName, where] = process.argv.slice(2);
const load = createRequire(`${modules}/`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");
const heard = async () => {
  const { value, done } = await lines.next();
  return done ? null : JSON.parse(value);
};
const ask = async ({ params }) => {
  say({ ask: { message: params.message, schema: params.requestedSchema } });
  return { action: "accept", content: await heard() };
};
const identity = { name: "sendoso-mcp-interop", version: "1.0.0" };
const capabilities = { elicitation: { form: {} } };
const start = { command: where, args: [], stderr: "inherit" };

async function first() {
  const { Client } = load("@modelcontextprotocol/sdk/client/index.js");
  const { StdioClientTransport } = load("@modelcontextprotocol/sdk/client/stdio.js");
  const { StreamableHTTPClientTransport } = load("@modelcontextprotocol/sdk/client/streamableHttp.js");
  const { ElicitRequestSchema } = load("@modelcontextprotocol/sdk/types.js");
  const client = new Client(identity, { capabilities });
  client.setRequestHandler(ElicitRequestSchema, ask);
  const transport =
    transportName === "stdio" ? new StdioClientTransport(start) : new StreamableHTTPClientTransport(new URL(where));
  // It tells the transport alone which version was agreed on.
  const told = transport.setProtocolVersion?.bind(transport);
  let protocol;
  transport.setProtocolVersion = (version) => {
    protocol = version;
    told?.(version);
  };
  await client.connect(transport);
  return [client, protocol];
}

async function second() {
  const { Client, StreamableHTTPClientTransport } = load("@modelcontextprotocol/client");
  const { StdioClientTransport } = load("@modelcontextprotocol/client/stdio");
  const client = new Client(identity, { capabilities, versionNegotiation: { mode: "auto" } });
  client.setRequestHandler("elicitation/create", ask);
  await client.connect(
    transportName === "stdio" ? new StdioClientTransport(start) : new StreamableHTTPClientTransport(new URL(where)),
  );
  return [client, client.getNegotiatedProtocolVersion()];
}

const [client, protocol] = await (edition === "1" ? first() : second());
const { tools } = await client.listTools();
const { resources } = await client.listResources();
const { contents } = await client.readResource({ uri: "sendoso://budget" });
const { prompts } = await client.listPrompts();
const { messages } = await client.getPrompt({ name: "draft_gift", arguments: { recipient: "Sarah Johnson" } });
say({
  protocol,
  tools: tools.map((tool) => tool.name),
  resources: resources.map((resource) => resource.uri),
  budget: contents[0].text,
  prompts: prompts.map((prompt) => prompt.name),
  prompt: messages[0].content.text,
});
for (let call = await heard(); call !== null; call = await heard()) {
  // The SDK holds structured content against the tool's output schema.
  const result = await client.callTool(call);
  say({ answer: result.structuredContent ?? { error: result.content[0].text } });
}
await client.close();
process.exit(0);
