# Connects and leaves in odd moments: connecting.gd URL MODE
extends SceneTree

var npc := NpcClient.new()
var mode: String
var welcomes := 0
var lost := false


func _initialize() -> void:
	npc.url = OS.get_cmdline_user_args()[0]
	mode = OS.get_cmdline_user_args()[1]
	npc.on("welcome", _welcome)
	npc.on("say", func(say: Dictionary) -> void: print("say: ", say.text))
	npc.on("turn.end", func(_turn: Dictionary) -> void: npc.close())
	npc.on("closed", _closed)
	root.add_child(npc)
	npc.open()
	print("microphone: ", npc.microphone(PackedByteArray([0, 0])))
	if mode == "early":
		npc.close()


func _welcome(_message: Dictionary) -> void:
	print("welcome")
	welcomes += 1
	if mode == "at_once" and welcomes == 1:
		npc.event("leaving")
		npc.close()
		npc.open()
		return
	print("microphone: ", npc.microphone(PackedByteArray([0, 0])))
	await create_timer(0.6).timeout  # longer than the first pause before a connection is made again
	npc.tell("Only talk.")


func _closed(_reason: String, again: bool) -> void:
	print("lost" if again else "closed")
	if not again and (welcomes > 0 or mode != "paused"):
		quit()
	if not again or lost:
		return
	lost = true
	if mode != "at_once":
		npc.close()
	if mode == "paused":
		npc.open()
