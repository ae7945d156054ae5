-- Requests that are under way. The engine makes them in a thread of its own; here one only looks whether they are done.
local mod, api = ...
local core = core or minetest
local http = {available = api ~= nil}
mod.http = http

local USER_AGENT = "npc_runtime for Luanti"
local pending = {}

-- Calls a function on what came from outside: an error in a step of the server would end it.
function mod.safely(run, ...)
	local fine, problem = pcall(run, ...)
	if not fine then
		core.log("error", "[npc_runtime] " .. tostring(problem))
	end
	return fine
end

local function request(method, path, body, timeout)
	local headers = {"Content-Type: application/json"}
	if mod.settings.token ~= "" then
		headers[2] = "Authorization: Bearer " .. mod.settings.token
	end
	return {
		url = mod.settings.url .. path, method = method, data = body, timeout = timeout,
		extra_headers = headers, user_agent = USER_AGENT,
	}
end

-- Asks for something; `done(code, data)` is called in a later step. Code 0: nobody answered.
function http.request(method, path, body, timeout, done)
	local handle = api.fetch_async(request(method, path, body, timeout))
	pending[#pending + 1] = {handle = handle, done = done, sends = method ~= "GET"}
end

-- Looks which requests are done.
function http.step()
	for index = #pending, 1, -1 do
		local one = pending[index]
		local result = api.fetch_async_get(one.handle)
		if result.completed then
			table.remove(pending, index)
			mod.safely(one.done, result.code or 0, result.data or "")
		end
	end
end

-- For the moment in which the server stops, when there are no later steps: asks, and waits until that and all that was
-- sent before is answered or `most` seconds are over. Returns the codes.
function http.finish(requests, most)
	local handles, codes = {}, {}
	for index, one in ipairs(requests) do
		handles[index] = api.fetch_async(request(one.method, one.path, one.body, most))
	end
	local left = #handles
	for index, one in ipairs(pending) do
		if one.sends then
			handles[#requests + index], left = one.handle, left + 1
		end
	end
	local deadline = core.get_us_time() + most * 1e6
	while left > 0 and core.get_us_time() < deadline do
		for index, handle in pairs(handles) do
			local result = api.fetch_async_get(handle)
			if result.completed then
				codes[index], handles[index], left = result.code or 0, nil, left - 1
			end
		end
	end
	return codes
end
