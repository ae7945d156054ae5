-- npc_runtime: characters who listen, speak and act. The program of the same name thinks for them; this mod is their
-- body, their senses and their hands. Works with Minetest 5.6 and later, in every game.

local core = core or minetest
local path = core.get_modpath(core.get_current_modname())
-- Only the main chunk of a mod may ask for this, and nobody else may get hold of it.
local api = core.request_http_api and core.request_http_api()

-- What the parts of this mod share.
local mod = {storage = core.get_mod_storage(), modules = path .. "/lua/"}

local function part(name, ...)
	assert(loadfile(path .. "/lua/" .. name .. ".lua"))(mod, ...)
end

part("settings")
part("text")
part("json")
part("look")
part("goods")
part("walk")
part("person")
part("scene")
part("http", api)
part("link")
part("consent")
part("trade")
part("actions")
part("talk")
part("attention")
part("commands")
part("main")
