-- Files of Ogg are read once more: what is in them may be Opus or Speex, and not Vorbis.
UPDATE tracks SET changed_ns = -1 WHERE library_id > 0 AND content_type = 'audio/ogg' AND suffix <> 'opus';
