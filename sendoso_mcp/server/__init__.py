"""What the model sees: tools, resources, prompts, instructions. Besides `cli`, the only room to know MCP."""
