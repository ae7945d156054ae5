-- Words for people: without the engine's escape sequences, in whole characters, broken into lines.
local mod = ...
local text = {}
mod.text = text

-- One character of UTF-8.
local ONE = "[%z\1-\127\194-\244][\128-\191]*"
local WIDTH, LINES = 32, 4

-- How many bytes a character that begins with this byte has.
local function size(first)
	return first < 0x80 and 1 or first < 0xC2 and 0 or first < 0xE0 and 2 or first < 0xF0 and 3 or first < 0xF5 and 4 or 0
end

-- The text without bytes that are no UTF-8: the runtime refuses messages that contain them.
function text.valid(value)
	if not value:find("[\128-\255]") then
		return value
	end
	local kept, at = {}, 1
	while at <= #value do
		local bytes = size(value:byte(at))
		local piece = value:sub(at, at + bytes - 1)
		if bytes > 0 and #piece == bytes and piece:find("^.[\128-\191]*$") then
			kept[#kept + 1] = piece
			at = at + bytes
		else
			at = at + 1
		end
	end
	return table.concat(kept)
end

-- At most so many characters.
function text.short(value, most)
	local count = 0
	for at in value:gmatch("()" .. ONE) do
		count = count + 1
		if count > most then
			return value:sub(1, at - 1)
		end
	end
	return value
end

-- What a description says, in one line and without translation marks and colours.
function text.plain(value)
	value = value:gsub("\27%([^)]*%)", ""):gsub("\27.", "")
	return text.short(text.valid(value):match("^[^\n]*"):gsub("%c", " "), 60)
end

-- For comparing: without the difference between small and capital letters, where a byte can tell it.
function text.folded(value)
	return (value:lower():gsub("\195[\128-\158]", function(letter)
		return "\195" .. string.char(letter:byte(2) + 32)
	end))
end

local function length(value)
	return select(2, value:gsub(ONE, ""))
end

local function put(lines, word)
	local last = lines[#lines]
	if last and length(last) + 1 + length(word) <= WIDTH then
		lines[#lines] = last .. " " .. word
		return
	end
	while length(word) > WIDTH do -- scripts without blanks
		local head = text.short(word, WIDTH)
		lines[#lines + 1] = head
		word = word:sub(#head + 1)
	end
	lines[#lines + 1] = word
end

-- The text in lines, the last few of them.
function text.wrap(value)
	local lines = {}
	for word in value:gmatch("%S+") do
		put(lines, word)
	end
	return table.concat(lines, "\n", math.max(1, #lines - LINES + 1))
end

-- How long it takes to read, in seconds.
function text.seconds(value)
	return math.max(3, 1.5 + length(value) * 0.07)
end
