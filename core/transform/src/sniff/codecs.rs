//! Which decoders may be opened.
//!
//! ffmpeg has hundreds, many of them for games of the nineties that nobody looks after, and a source names the one that
//! reads it. Those of this list carry what the containers of [`Demuxer`](super::Demuxer) are made with; ffmpeg opens no other,
//! for no stream, also not to find out what a stream is. The names are those of decoders in ffmpeg 5.1, which are not
//! always those of codecs.

/// The list as one word of a command line.
pub(crate) const DECODERS: &str = concat!(
    // Pictures of players and cameras.
    "h264,hevc,libdav1d,vp9,vp8,mpeg4,mpeg2video,mpeg1video,mjpeg,h263,theora,vc1,wmv3,dvvideo,",
    // Pictures of studios.
    "prores,dnxhd,ffv1,huffyuv,ffvhuff,rawvideo,v210,qtrle,",
    // Pictures of the web of before, and stills.
    "flv,vp6f,vp6,msmpeg4,msmpeg4v2,gif,png,bmp,webp,",
    // Sound.
    "aac,aac_latm,mp3float,mp3,mp2,mp2float,mp1,mp1float,opus,vorbis,flac,alac,ac3,eac3,dca,truehd,mlp,amrnb,amrwb,",
    "wmav1,wmav2,wmapro,wmalossless,wavpack,nellymoser,speex,libspeex,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,adpcm_swf,gsm_ms,",
    // Samples as they are.
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_u8,pcm_s8,",
    "pcm_alaw,pcm_mulaw,pcm_bluray,pcm_dvd,",
    // Texts. Those that are pictures of letters are never decoded into anything, but ffprobe opens each stream to tell of it,
    // and gives up when it cannot.
    "mov_text,srt,subrip,ass,ssa,webvtt,text,dvbsub,dvdsub,pgssub,cc_dec,libzvbi_teletextdec",
);

/// Which decoder ffmpeg was not allowed to open, by its last words. Its names alone come out of this.
pub(crate) fn refused_decoder(words: &str) -> Option<&str> {
    let (_, rest) = words.split_once("Codec (")?;
    let (name, rest) = rest.split_once(')')?;
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    (is_name && name.len() <= 32 && rest.starts_with(" not on whitelist")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decoder_that_was_refused_is_named() {
        let said = "[cinepak @ 0x556a138e7d00] Codec (cinepak) not on whitelist 'h264,aac'\n    Last message repeated";
        assert_eq!(refused_decoder(said), Some("cinepak"));
        for other in
            ["", "Codec (", "Codec (a b) not on whitelist", "Codec () not on whitelist", "Codec (x) is odd"]
        {
            assert_eq!(refused_decoder(other), None, "{other}");
        }
    }

    #[test]
    fn ffmpeg_has_every_decoder_of_the_list() {
        let printed =
            std::process::Command::new("ffmpeg").args(["-hide_banner", "-decoders"]).output().unwrap();
        let printed = String::from_utf8(printed.stdout).unwrap();
        let has: Vec<&str> = printed.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
        for name in DECODERS.split(',') {
            assert!(has.contains(&name), "ffmpeg has no decoder {name}");
        }
    }
}
