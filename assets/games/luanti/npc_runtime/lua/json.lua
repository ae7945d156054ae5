-- Writes and reads JSON. The engine's own writer makes `null` of an empty list, which the runtime takes for something
-- else.
local mod = ...
local core = core or minetest

local ESCAPES = {['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t"}

local function escaped(character)
	return ESCAPES[character] or ("\\u%04x"):format(character:byte())
end

local function written(value)
	local kind = type(value)
	if kind == "string" then
		return '"' .. mod.text.valid(value):gsub('[%c"\\]', escaped) .. '"'
	elseif kind == "number" then
		return value == math.floor(value) and ("%d"):format(value) or ("%.3f"):format(value)
	elseif kind == "boolean" then
		return tostring(value)
	end
	local parts = {}
	if value[1] ~= nil or next(value) == nil then -- every empty table that is sent is a list
		for index, one in ipairs(value) do
			parts[index] = written(one)
		end
		return "[" .. table.concat(parts, ",") .. "]"
	end
	for key, one in pairs(value) do
		parts[#parts + 1] = written(key) .. ":" .. written(one)
	end
	table.sort(parts) -- the same value is always the same text
	return "{" .. table.concat(parts, ",") .. "}"
end

mod.json = written

-- What JSON text says, if that is a list or an object; nil for everything else. Text that is nested too deeply is an
-- error for the engine.
function mod.parse(text)
	local fine, value = pcall(core.parse_json, text)
	return fine and type(value) == "table" and value or nil
end
