-- A game that can only read and write files, without any client: lua example.lua DIR/game ["What the player says."]
-- DIR is what the runtime was started with: npc-runtime serve --mailbox DIR
-- Of JSON it reads only what it needs; a game with a JSON library, or with ../lua/npc_client.lua, does better.
local folder = assert(arg[1], "say which folder: DIR/game")
local text = arg[2] or "Can you mend my sword?"
local sent, seen = 0, 0

local function read(path)
  local file = io.open(path, "rb")
  local content = file and file:read("*a")
  if file then file:close() end
  return content
end

local function write(path, content)
  local file = assert(io.open(path .. ".tmp", "wb")) -- a name that the runtime does not look at
  file:write(content)
  file:close()
  os.remove(path)
  assert(os.rename(path .. ".tmp", path))
end

local function send(message)
  sent = sent + 1
  write(string.format("%s/in/%06d.json", folder, sent), message)
end

-- A game looks again in a later frame instead.
local function sleep(seconds)
  if package.config:sub(1, 1) == "/" then return os.execute("sleep " .. seconds) end
  local stop = os.clock() + seconds -- Windows has no such command, and its clock goes on while a program waits
  repeat until os.clock() >= stop
end

-- Wait for the next message; it is read when its number is in read.txt.
local function receive()
  local path = string.format("%s/out/%06d.json", folder, seen + 1)
  for _ = 1, 300 do
    local message = read(path)
    if message and message ~= "" then
      seen = seen + 1
      write(folder .. "/read.txt", tostring(seen))
      return message:match('"type":"([^"]+)"'), message
    end
    sleep(0.1)
  end
  error("the runtime does not answer: " .. (read(folder .. "/status.json") or "no status"))
end

write(folder .. "/out/000001.json", "") -- an earlier run may have left one
send('{"type": "hello", "protocol": 1, "player": {"id": "tamsin", "name": "Tamsin"}}')
repeat until receive() == "welcome"
send('{"type": "player.text", "to": "brynja", "text": "' .. text:gsub('["\\]', "\\%0") .. '"}')
local kind, message
repeat
  kind, message = receive()
  if kind == "say" then print(message:match('"text":"(.-[^\\])"')) end
  if kind == "speech.audio" then print("play " .. message:match('"path":"([^"]+)"')) end
  if kind == "error" then print("error: " .. message:match('"message":"(.-[^\\])"')) end
until kind == "turn.end"
send('{"type": "bye"}')
