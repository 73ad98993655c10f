"""An agent of the OpenAI Agents SDK that sends gifts; a person says yes to each on the approval page.

    pip install openai-agents
    OPENAI_API_KEY=... python with_openai_agents.py "Send Sarah Johnson a coffee gift"

This SDK cannot show a server's question. So `create_send` answers `approval_required` with the address of a
page on this machine, a person decides there with a PIN, and the agent calls again. Set the PIN beforehand
with `sendoso-mcp approvals set-pin`.

`sendoso-mcp` must be on the PATH. Without SENDOSO_API_KEY nothing is really sent, and the PIN is in the
answer.
"""

import asyncio
import os
import sys

from agents import Agent, Runner
from agents.mcp import MCPServerStdio


async def main(wish: str, model=None) -> None:
    """Has an agent do what is wished, and goes on talking with it until an empty line."""
    env = {name: value for name, value in os.environ.items() if name.startswith("SENDOSO_")}
    server = MCPServerStdio(
        {"command": "sendoso-mcp", "env": env},
        # An order on its way is waited for, up to a minute: the SDK's own five seconds are too short for it.
        client_session_timeout_seconds=90,
    )
    async with server:
        print("Tools:", ", ".join(tool.name for tool in await server.list_tools()))
        agent = Agent(
            name="Gifts",
            model=model,
            instructions="Send what is wished. If a gift needs approval, tell the person where and stop.",
            mcp_servers=[server],
        )
        done = await Runner.run(agent, wish)
        while True:
            print(done.final_output)
            said = await asyncio.to_thread(input, "> ")
            if not said:
                break
            done = await Runner.run(agent, [*done.to_input_list(), {"role": "user", "content": said}])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
