-- What the person who runs the world has set; settingtypes.txt explains each.
local mod = ...
local core = core or minetest

local function number(name, default)
	return tonumber(core.settings:get("npc_runtime." .. name) or "") or default
end

local function text(name, default)
	local value = core.settings:get("npc_runtime." .. name)
	return value and value ~= "" and value or default
end

mod.settings = {
	url = text("url", "http://127.0.0.1:8910"):gsub("/+$", ""),
	token = text("token", ""),
	hearing = math.max(2, number("hearing", 10)),
	voice = core.settings:get_bool("npc_runtime.voice", false),
	damage = core.settings:get_bool("npc_runtime.damage", true) and core.settings:get_bool("enable_damage", true),
	blow = number("blow", 2),
	auto_allow = core.settings:get_bool("npc_runtime.auto_allow", false),
	currency = text("currency", ""),
	save_seconds = math.max(5, number("save_seconds", 60)),
	-- Requests that the engine makes at the same time; some are kept free for what players say.
	polls = math.max(1, (tonumber(core.settings:get("curl_parallel_limit") or "") or 8) - 3),
}
