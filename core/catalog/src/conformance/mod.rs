//! What "does" means: every database passes this suite, or it is no [`Catalog`].
//!
//! It is compiled with the crate, so that the tests of any database can run it. A check that fails panics with the
//! place where it stands.

#![expect(clippy::expect_used, clippy::panic, reason = "a suite of checks fails by panicking")]

use std::sync::Arc;

use crate::database::Catalog;

mod annotations;
mod blobs;
mod covers;
mod credentials;
mod credits;
mod discovery;
mod displaced;
mod doomed;
mod house;
mod instrumentals;
mod inventory;
mod jobs;
mod left_off;
mod libraries;
mod lists;
mod moves;
mod places;
mod playing;
mod playlists;
mod podcasts;
mod random;
mod rights;
mod scrobbles;
mod search;
mod sent;
mod shares;
mod smart;
mod spellings;
mod stations;
mod under_way;
mod uploads;
mod users;
mod videos;

/// Runs every check, each on a catalog of its own that `make` gives: empty, without users and libraries.
pub async fn all(make: impl AsyncFn() -> Arc<dyn Catalog>) {
    users::names_are_unique_without_regard_to_case(make().await).await;
    users::a_user_is_changed_as_a_whole(make().await).await;
    users::a_user_begins_with_what_he_is_given(make().await).await;
    users::the_last_admin_stays(make().await).await;
    users::a_removed_user_takes_his_own_with_him(make().await).await;

    credentials::keys_belong_to_one_user(make().await).await;
    credentials::app_passwords_belong_to_one_user(make().await).await;
    credentials::sessions_end(make().await).await;
    credentials::a_hash_is_renewed_where_it_is_still_the_one_that_was_checked(make().await).await;
    credentials::a_session_that_is_used_lives_on(make().await).await;
    credentials::what_is_taken_back_raises_the_epoch_of_its_user_alone(make().await).await;
    credentials::nobody_fills_the_tables(make().await).await;

    libraries::roots_keep_their_ids(make().await).await;
    libraries::hidden_libraries_take_their_tracks_with_them(make().await).await;

    lists::tracks_come_in_pages_that_fit_together(make().await).await;
    lists::p04_a_page_holds_no_more_than_its_permit(make().await).await;
    lists::albums_come_in_every_order(make().await).await;
    lists::artists_come_by_their_sort_names(make().await).await;
    lists::genres_count_what_is_seen(make().await).await;
    lists::an_album_is_played_in_its_order(make().await).await;

    of_covers(&make).await;
    of_credits(&make).await;
    of_moves(&make).await;

    discovery::a_genre_has_its_tracks_in_pages(make().await).await;
    discovery::what_everybody_plays_comes_first(make().await).await;
    discovery::p08_similar_tracks_are_those_that_the_viewer_sees(make().await).await;

    videos::they_are_listed_by_themselves(make().await).await;
    videos::what_a_look_told_is_kept_until_the_file_changes(make().await).await;
    videos::what_is_told_of_other_bytes_is_not_kept(make().await).await;
    videos::nobody_is_sent_to_look_at_what_is_not_there(make().await).await;

    search::words_begin_with_what_was_typed(make().await).await;
    search::what_is_called_so_comes_first(make().await).await;
    search::pages_of_a_search_fit_together(make().await).await;
    places::a_page_is_the_same_wherever_it_is_asked_for(make().await).await;
    places::what_changes_between_two_pages_moves_nobody_else(make().await).await;
    places::apps_of_one_user_have_each_a_place(make().await).await;

    rights::p08_private_tracks_do_not_exist_for_others(make().await).await;
    rights::p08_a_set_of_libraries_hides_the_rest(make().await).await;
    rights::p08_a_mixed_album_has_totals_for_each_viewer(make().await).await;
    rights::p08_nothing_unseen_can_be_changed(make().await).await;

    playing::p08_what_is_played_is_never_older_than_a_change(make().await).await;

    annotations::stars_and_ratings_are_each_users_own(make().await).await;
    annotations::a_play_counts_for_track_and_album(make().await).await;
    annotations::many_are_starred_or_none_and_plays_of_what_is_gone_left_out(make().await).await;

    of_what_is_kept(&make).await;

    inventory::known_files_come_in_the_order_of_their_bytes(make().await).await;
    inventory::known_files_of_a_part_are_those_of_the_part(make().await).await;
    inventory::a_file_that_vanishes_and_returns_is_the_same_track(make().await).await;
    inventory::a_renamed_file_is_the_same_track(make().await).await;
    inventory::a_file_seen_at_its_new_place_before_it_went_is_the_same_track(make().await).await;
    inventory::new_tags_move_a_track_to_its_new_album(make().await).await;
    inventory::folders_of_a_box_set_are_one_album(make().await).await;
    inventory::a_title_that_was_set_outlives_a_scan(make().await).await;

    random::random_lists_hold_what_was_asked_for_once_each(make().await).await;
    of_what_is_sent(&make).await;
}

/// Those of pictures.
async fn of_covers(make: &impl AsyncFn() -> Arc<dyn Catalog>) {
    lists::covers_are_found_for_everything(make().await).await;
    covers::marks_change_with_the_pictures(make().await).await;
    covers::p08_marks_say_nothing_about_private_pictures(make().await).await;
}

/// Those of what users keep for themselves and have going on, and of the ways to their lists.
async fn of_what_is_kept(make: &impl AsyncFn() -> Arc<dyn Catalog>) {
    under_way::what_goes_on_is_listed_for_its_owner_and_for_all(make().await).await;
    under_way::sessions_are_listed_and_ended_by_their_owner_alone(make().await).await;
    under_way::letters_stand_for_the_rows_of_their_lists(make().await).await;

    shares::a_share_is_its_owners_until_it_is_removed(make().await).await;
    shares::p08_a_token_opens_what_its_owner_sees_while_it_is_open(make().await).await;
    shares::p04_shares_and_their_songs_are_bounded(make().await).await;
    shares::a_share_made_before_the_end_of_a_scan_keeps_a_renamed_song(make().await).await;

    playlists::songs_come_and_go_by_their_places(make().await).await;
    playlists::songs_move_and_come_between_others(make().await).await;
    playlists::a_change_of_what_has_changed_meanwhile_is_refused(make().await).await;
    playlists::a_change_is_made_whole_or_not_at_all(make().await).await;
    playlists::p04_lists_and_their_songs_are_bounded(make().await).await;
    playlists::p08_a_playlist_shows_each_viewer_what_he_may_see(make().await).await;
    playlists::songs_that_vanish_keep_their_place_until_they_return(make().await).await;
    playlists::totals_follow_their_tracks(make().await).await;
    smart::each_rule_finds_what_it_says(make().await).await;
    smart::an_album_is_found_by_its_name_whichever_release_it_is(make().await).await;
    smart::what_is_found_comes_in_its_order(make().await).await;
    smart::p08_rules_find_what_their_reader_sees_and_likes(make().await).await;
    smart::a_page_of_a_reading_that_began_goes_on_where_it_was(make().await).await;
    smart::songs_of_a_smart_playlist_are_nobodys_to_put_in(make().await).await;
    smart::p04_smart_playlists_are_bounded(make().await).await;
    smart::songs_of_a_list_from_elsewhere_are_found(make().await).await;

    left_off::a_queue_is_kept_as_it_was(make().await).await;
    left_off::p08_of_a_queue_each_sees_what_he_still_may(make().await).await;
    left_off::bookmarks_are_each_users_own(make().await).await;
    left_off::p04_bookmarks_are_bounded(make().await).await;
    left_off::a_renamed_file_keeps_its_bookmarks_and_its_place(make().await).await;

    stations::stations_are_added_changed_and_removed(make().await).await;

    podcasts::a_feed_is_followed_once_and_read_when_it_is_due(make().await).await;
    podcasts::what_a_feed_says_of_its_episodes_is_kept_up_to_date(make().await).await;
    podcasts::an_episode_is_fetched_by_one_and_told_once(make().await).await;
    podcasts::p08_of_an_episode_its_track_is_shown_to_those_who_see_it(make().await).await;
    podcasts::what_was_fetched_of_an_episode_is_removed_with_its_bytes(make().await).await;
    podcasts::an_episode_is_no_song_among_others(make().await).await;

    instrumentals::an_accompaniment_is_a_song_of_its_own(make().await).await;
    instrumentals::an_instrumental_follows_its_song(make().await).await;
    instrumentals::p08_an_instrumental_is_seen_by_who_sees_its_song(make().await).await;
    instrumentals::p08_song_and_instrumental_are_seen_by_the_same(make().await).await;

    jobs::a_job_is_claimed_by_one_and_ends_once(make().await).await;
    jobs::a_try_that_failed_is_repeated_so_often_as_may_be(make().await).await;
    jobs::a_job_whose_worker_is_gone_is_taken_up_again(make().await).await;
    jobs::that_a_server_ended_is_no_try(make().await).await;
    jobs::a_cancelled_job_is_nobodys(make().await).await;
    jobs::jobs_come_in_their_order_and_are_bounded(make().await).await;
    jobs::stems_are_there_all_together(make().await).await;
    jobs::what_ended_long_ago_is_forgotten_with_what_was_sent_for_it(make().await).await;

    scrobbles::an_account_is_one_users_and_goes_through_its_states(make().await).await;
    scrobbles::a_play_is_in_line_for_each_account_and_leaves_it_once(make().await).await;
    scrobbles::what_waits_is_told_to_nobody_else(make().await).await;
    scrobbles::who_connected_anew_hears_nothing_of_the_old_account(make().await).await;
    scrobbles::p04_a_line_is_bounded_and_the_oldest_gives_way(make().await).await;
    scrobbles::what_was_heard_is_told_as_it_was_called(make().await).await;
}

/// Those of files that moved.
async fn of_moves(make: &impl AsyncFn() -> Arc<dyn Catalog>) {
    moves::a_moved_file_is_the_same_track(make).await;
    moves::a_file_moved_to_another_library_is_the_same_track(make).await;
    moves::where_several_are_alike_nobody_is_taken_for_another(make().await).await;
    moves::the_more_exact_claim_is_the_true_one(make().await).await;
    moves::what_was_there_all_along_stays_what_it_is(make().await).await;
    moves::p08_a_move_between_libraries_shows_nobody_more(make().await).await;
    moves::p08_what_somebody_made_his_own_is_no_file_of_others(make().await).await;
    moves::a_library_under_another_root_is_the_same_tracks(make().await).await;
    displaced::a_song_keeps_its_track_where_files_take_the_names_of_others(make).await;
    displaced::p08_what_is_private_stays_so_where_files_change_places(make).await;
    displaced::a_song_has_its_name_back_where_the_file_was_gone_for_a_while(make().await).await;
}

/// Those of who took part in what, and of what tags tell of it.
async fn of_credits(make: &impl AsyncFn() -> Arc<dyn Catalog>) {
    credits::everybody_who_took_part_has_the_album(make().await).await;
    credits::p08_an_artist_has_as_many_albums_as_are_listed(make().await).await;
    credits::credits_follow_their_files(make().await).await;
    credits::p08_credits_of_unseen_tracks_tell_nothing(make().await).await;
    credits::p08_the_moods_of_an_album_are_those_of_the_songs_that_are_seen(make().await).await;
    credits::a_release_of_musicbrainz_is_one_album(make().await).await;
    credits::what_tags_know_of_an_artist_is_kept(make().await).await;

    spellings::capitals_that_are_corrected_are_shown(make().await).await;
    spellings::a_release_that_is_called_anew_keeps_its_album(make().await).await;
    spellings::p08_what_is_private_names_nothing_that_others_see(make().await).await;
    spellings::letters_and_their_marks_are_one_however_they_are_written(make().await).await;
    spellings::letters_without_a_key_are_found_by_plain_ones(make().await).await;
    spellings::what_users_said_goes_where_all_songs_went(make().await).await;
}

/// Those of uploads, of the bytes that are kept of them, and of their end.
async fn of_what_is_sent(make: &impl AsyncFn() -> Arc<dyn Catalog>) {
    uploads::an_upload_is_its_owners_alone(make().await).await;
    uploads::nobody_gets_more_bytes_than_he_may_have(make().await).await;
    uploads::a_phase_is_left_once(make().await).await;
    uploads::what_is_over_is_found_and_forgotten(make().await).await;
    uploads::an_upload_becomes_a_track(make().await).await;
    uploads::the_senders_words_come_before_the_files(make().await).await;
    uploads::albums_without_an_artist_are_told_apart_by_their_senders(make().await).await;
    uploads::p08_an_upload_that_is_hidden_does_not_exist_for_others(make().await).await;
    uploads::p08_who_sees_some_libraries_alone_sees_his_own_uploads_too(make().await).await;

    blobs::equal_bytes_are_one_blob_that_goes_with_its_last_track(make().await).await;
    blobs::a_removed_track_takes_all_that_is_known_of_it(make().await).await;
    blobs::bytes_that_are_being_removed_do_not_come_back(make().await).await;
    blobs::of_two_keys_for_equal_bytes_one_stays(make().await).await;
    blobs::only_ones_own_bytes_need_not_be_sent(make().await).await;
    blobs::a_short_id_finds_what_the_viewer_may_have(make().await).await;
    blobs::what_is_changed_of_a_track_is_its_owners_and_admins(make().await).await;
    blobs::names_that_were_set_outlive_a_scan(make().await).await;
    blobs::a_picture_goes_with_the_last_track_that_shows_it(make().await).await;
    blobs::what_the_store_lists_and_nobody_knows_is_doomed(make().await).await;
    blobs::a_user_who_goes_takes_what_is_his_alone(make().await).await;

    doomed::what_no_row_ever_knew_is_told_from_what_one_knew(make().await).await;
    doomed::a_removal_that_fails_is_in_nobodys_way(make().await).await;
    doomed::bad_bytes_never_come_back_as_sound(make().await).await;
    doomed::what_an_ended_upload_published_goes_if_nobody_relies_on_it(make().await).await;
    doomed::what_was_looked_at_longest_ago_is_looked_at_next(make().await).await;
    doomed::of_uploads_that_ended_the_last_are_remembered(make().await).await;
}
