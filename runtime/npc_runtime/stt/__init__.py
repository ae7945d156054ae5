"""Audio in, words out: sound files, voice activity, Whisper."""
