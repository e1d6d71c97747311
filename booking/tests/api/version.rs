//! What the program says of itself.

#[test]
fn the_program_names_its_time_zone_data() {
    let printed = testkit::printed_version(env!("CARGO_BIN_EXE_aerobus-booking"));
    assert_eq!(printed, format!("aerobus-booking {}", shared::release::version()));
    assert!(printed.contains(shared::time_zones::version()), "{printed}");
}
