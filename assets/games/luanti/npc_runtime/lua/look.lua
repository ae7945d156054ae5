-- What a character looks like: a skin in colours of its own, with a face for what it feels.
local mod = ...
local look = {}
mod.look = look

local FACES = {
	neutral = "neutral", interest = "neutral", stonewalling = "neutral",
	joy = "happy", humor = "happy", affection = "happy", validation = "happy",
	sadness = "sad", whining = "sad",
	anger = "angry", contempt = "angry", belligerence = "angry", domineering = "angry", criticism = "angry",
	disgust = "angry",
	tension = "afraid", defensiveness = "afraid", tense_humor = "afraid",
	surprise = "surprised",
}
-- What strong feelings do to the skin.
local FLUSH = {angry = "#c02010:60", afraid = "#e0e8ff:70", happy = "#ff9060:25"}
local CLOTHES = {"#7a4a2a", "#3f5f8a", "#4f7a45", "#8a3f4f", "#6a5a8a", "#8a7a3a", "#3a7a7a", "#707070"}
local HAIR = {"#2a1a10", "#6a4a20", "#b08040", "#8a3010", "#505050"}

local function pick(colours, id, salt)
	local sum = salt
	for at = 1, #id do
		sum = (sum * 31 + id:byte(at)) % 65521
	end
	return colours[sum % #colours + 1]
end

-- The textures of the body: of a character, with a feeling of the protocol and its strength.
function look.textures(id, label, strength)
	local face = FACES[label] or "neutral"
	local skin = "npc_runtime_skin.png"
	if strength == "strong" and FLUSH[face] then
		skin = "(" .. skin .. "^[colorize:" .. FLUSH[face] .. ")"
	end
	return {
		skin .. "^(npc_runtime_clothes.png^[multiply:" .. pick(CLOTHES, id, 7) .. ")"
			.. "^(npc_runtime_hair.png^[multiply:" .. pick(HAIR, id, 3) .. ")"
			.. "^npc_runtime_face_" .. face .. ".png",
	}
end
